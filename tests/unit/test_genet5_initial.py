"""What a new model starts as, and models as folders."""

import json
import re

import pytest
import torch
from dnabert_reference import random_checkpoint
from genet5_data import codec, dna_tokenizer, mixed_examples, model, shape, steps_of
from models_data import one_thread  # noqa: F401
from safetensors.torch import load_file, save_file

import init_genet5
from seqloom.annotate.signals import Rules
from seqloom.annotate.tokens import extended_tokenizer
from seqloom.encoders.tokenizers import load_tokenizer
from seqloom.errors import InputError
from seqloom.files.json_files import read_json, write_json
from seqloom.genet5.batches import target_batch, window_batch
from seqloom.genet5.folders import load_model, save_model
from seqloom.genet5.initial import initial_model
from seqloom.genet5.shape import Shape
from seqloom.models.weights import write_weights


def source_of(one: Shape) -> dict[str, torch.Tensor]:
    return random_checkpoint(one.dnabert() | {"vocab_size": one.dna_tokens}, 0.1, 1)


def started(**changes):
    """Weights of DNABERT, a model that starts with them, and where its tensors are from."""
    one = shape(**changes)
    source = source_of(one)
    network, origins = initial_model(one, 0, source, "dnabert_s")
    return source, network.state_dict(), origins


def test_each_tensor_is_what_the_report_says():
    source, tensors, origins = started()
    assert origins.keys() == tensors.keys()
    for name, origin in origins.items():
        if found := re.fullmatch(r"copied from dnabert_s: (.*)", origin):
            assert torch.equal(tensors[name], source[found[1]].float()), name
        elif origin in ("zero", "one"):
            assert (tensors[name] == float(origin == "one")).all(), name
        elif found := re.fullmatch(r"random\(std=(.*)\)", origin):
            assert tensors[name].std() == pytest.approx(float(found[1]), rel=0.2), name
    copied = "copied from dnabert_s: "
    for name, origin in {
        "encoder.encoder.layer.1.mlp.wo.bias": copied + "encoder.layer.1.mlp.wo.bias",
        "decoder.layer.1.attention.self.Wqkv.weight": (
            copied + "encoder.layer.1.attention.self.Wqkv.weight"
        ),
        "decoder.layer.0.mlp.layernorm.weight": copied + "encoder.layer.0.mlp.layernorm.weight",
        "decoder.norm.bias": copied + "embeddings.LayerNorm.bias",
        "decoder.layer.0.cross.output.weight": "zero",
        "decoder.layer.0.cross.query.weight": "random(std=0.1768)",
        "additions.first": "zero",
    }.items():
        assert origins[name] == origin


def test_embeddings_keep_the_rows_of_dnabert_and_get_rows_for_targets():
    source, tensors, origins = started()
    old = source["embeddings.word_embeddings.weight"].float()
    name = "encoder.embeddings.word_embeddings.weight"
    assert torch.equal(tensors[name][: len(old)], old)
    assert len(tensors[name]) == len(old) + len(codec().tokens)
    assert origins[name].startswith(f"rows 0 to {len(old) - 1} copied from dnabert_s: embeddings.")


def test_a_random_model_follows_from_its_seed_and_copies_nothing():
    first, origins = initial_model(shape(), 1)
    again, _ = initial_model(shape(), 1)
    other, _ = initial_model(shape(), 2)
    pairs = list(zip(first.parameters(), again.parameters(), strict=True))
    assert all(torch.equal(*pair) for pair in pairs)
    assert not torch.equal(first.pointer.query.weight, other.pointer.query.weight)
    assert not any("copied" in origin for origin in origins.values())
    assert origins["additions.first"] == "constant(0.1768)"
    assert origins["decoder.layer.0.cross.output.weight"] == "random(std=0.1768)"


def test_experts_start_as_the_feed_forward_network_and_so_change_nothing():
    _, dense, _ = started()
    source, tensors, origins = started(experts=4, top_k=2)
    for number in range(4):
        prefix = "decoder.layer.1.mlp.experts."
        expected = source["encoder.layer.1.mlp.gated_layers.weight"].float()
        assert torch.equal(tensors[prefix + "gated"][number], expected)
    assert "encoder.layer.1.mlp.wo.bias" in origins["decoder.layer.1.mlp.experts.bias"]
    windows = window_batch(mixed_examples())
    steps = steps_of(target_batch(mixed_examples(), codec(), Rules()))
    states = []
    for weights, changes in ((dense, {}), (tensors, {"experts": 4, "top_k": 2})):
        network = model(**changes)
        network.load_state_dict(weights)
        with torch.no_grad():
            states.append(network.decode(*steps, network.encode(windows)))
    torch.testing.assert_close(*states, rtol=0, atol=1e-5)


def test_a_step_gets_the_mean_of_its_best_experts():
    experts = model(experts=5, top_k=2).decoder.layer[0].mlp.experts
    x = torch.randn(3, 7, 32, generator=torch.Generator().manual_seed(0), requires_grad=True)
    every = torch.stack([experts._expert(number, x) for number in range(5)], dim=-1)
    scores = experts.router(x)
    worst = scores.argsort(dim=-1)[..., :3]
    shares = scores.scatter(-1, worst, -torch.inf).softmax(dim=-1)
    expected = (every * shares[..., None, :]).sum(dim=-1)
    found = experts(x)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    for parameter in (x, *experts.parameters()):
        pair = (
            torch.autograd.grad(way.square().sum(), parameter, retain_graph=True)[0]
            for way in (found, expected)
        )
        torch.testing.assert_close(*pair, rtol=0, atol=1e-4)


def write_baked(folder, settings=None):
    """What init_genet5.py reads of a baked set."""
    tokens = {token: codec().first_id + n for n, token in enumerate(codec().tokens)}
    settings = {"biotypes": list(codec().biotypes)} if settings is None else settings
    write_json(folder / "bake_config.json", {"settings": settings, "tokens": tokens})
    extended_tokenizer(dna_tokenizer(), codec().tokens).save(str(folder / "tokenizer.json"))


def init(folder, *options):
    given = ["--baked", folder, "--out", folder / "init", *options]
    init_genet5.main(init_genet5.arguments().parse_args(list(map(str, given))))
    return load_model(folder / "init"), read_json(folder / "init" / "init_report.json")


def write_dnabert(folder):
    one = shape()
    folder.mkdir()
    config = one.dnabert() | {"vocab_size": one.dna_tokens}
    (folder / "config.json").write_text(json.dumps(config))
    write_weights(folder / "model.safetensors", source_of(one))


def test_the_script_starts_a_model_from_dnabert_or_at_random(tmp_path):
    write_baked(tmp_path)
    small = ("--width", 32, "--layers", 1, "--heads", 4, "--inner", 8, "--sparse-block", 16)
    network, report = init(tmp_path, "--from", "random", *small)
    assert network.shape == shape(layers=1, decoder_layers=1, inner=8, sparse_block=16)
    assert report["from"] == "random"
    tokenizer = load_tokenizer(tmp_path / "init" / "tokenizer.json")
    assert tokenizer.token_to_id("<eos>") == codec().first_id + 1

    write_dnabert(tmp_path / "model")
    chosen = ("--from", "dnabert2", "--model", tmp_path / "model", "--decoder-layers", 1)
    network, report = init(tmp_path, *chosen)
    assert network.shape == shape(decoder_layers=1)
    assert report["tensors"]["decoder.norm.weight"].startswith("copied from dnabert2: ")
    assert set(report["provenance"]["inputs"]) == {"tokenizer", "model.safetensors"}


@pytest.mark.parametrize(
    ("options", "settings", "sentence"),
    [
        (["--from", "dnabert2"], None, "--from dnabert2 needs --model, the folder of its weights"),
        (
            ["--from", "dnabert_s", "--width", "64"],
            None,
            "its width is 32, but --width is 64; leave",
        ),
        (["--from", "dnabert_s", "--decoder-layers", "3"], None, "3 layers of the decoder start"),
        (
            ["--from", "dnabert_s"],
            {"biotypes": ["CDS"]},
            "its tokens are not those of the biotypes",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_a_sentence(tmp_path, options, settings, sentence):
    write_baked(tmp_path, settings)
    write_dnabert(tmp_path / "model")
    if "dnabert_s" in options:
        options = [*options, "--model", tmp_path / "model"]
    with pytest.raises(InputError, match=re.escape(sentence)):
        init(tmp_path, *options)


def saved(folder, network):
    save_model(folder, network, dna_tokenizer(), {"from": "random"})
    return folder


@torch.no_grad()
def test_a_model_saved_compiled_or_not_gives_identical_logits(tmp_path):
    network = model(experts=3, top_k=2)
    compiled = torch.compile(network, backend="eager")
    assert any(name.startswith("_orig_mod.") for name in compiled.state_dict())
    examples = mixed_examples()
    windows, targets = window_batch(examples), target_batch(examples, codec(), Rules())
    expected = compiled(windows, *steps_of(targets))
    for folder, way in (("plain", network), ("compiled", compiled)):
        again = load_model(saved(tmp_path / folder, way))
        found = again(windows, *steps_of(targets))
        assert torch.equal(found.token_logits, expected.token_logits)
        assert torch.equal(found.base_logits, expected.base_logits)
        assert torch.equal(found.segment_logits, expected.segment_logits)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("plain", "compiled")]
    assert files[0] == files[1]


def test_tensors_too_many_too_few_or_misshapen_are_refused(tmp_path):
    file = saved(tmp_path, model()) / "model.safetensors"
    whole = load_file(file)
    key = "pointer.key.bias"
    for changed, sentence in (
        ({name: t for name, t in whole.items() if name != key}, f"the checkpoint lacks {key}; "),
        (whole | {"_orig_mod.x": torch.ones(1)}, "the checkpoint has unknown _orig_mod.x; "),
        (
            whole | {key: torch.ones(7)},
            f"the checkpoint does not fit config.json, in {key} [7] instead of [32]",
        ),
    ):
        save_file(changed, file)
        with pytest.raises(InputError, match=re.escape(sentence)):
            load_model(tmp_path)
    write_json(tmp_path / "config.json", {"hidden_size": 3})
    with pytest.raises(InputError, match=r"config\.json: not a model of init_genet5\.py"):
        load_model(tmp_path)
