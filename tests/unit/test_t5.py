"""Our T5 encoder against the one of transformers, at the published widths, and its tokens."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from models_data import one_thread, randomize  # noqa: F401
from published_models import STRUCTURE, sentencepiece_folder
from torch.testing import assert_close

from seqloom.config.registry import REGISTRY, read_backend
from seqloom.demo.model_shapes import CONFIGS
from seqloom.embedding.engine import embed, tokenize
from seqloom.embedding.loading import load_model
from seqloom.encoders.architectures import build_encoder
from seqloom.encoders.tokenizers import (
    T5_LETTERS,
    T5_STRUCTURE,
    demo_t5_tokenizer,
    published_t5_tokenizer,
    token_ids,
)
from seqloom.errors import InputError
from seqloom.models.fetch import local_source, write_model
from seqloom.models.weights import encoder_tensors, read_tensors

# These have the values that T5 has where a config does not name them.
NOT_NAMED = {"feed_forward_proj", "relative_attention_max_distance"}
PUBLISHED = {key: value for key, value in CONFIGS["t5"].items() if key not in NOT_NAMED}
SMALL = PUBLISHED | {"d_kv": 16, "d_ff": 64, "num_heads": 4}
LENGTHS = (160, 5, 57)


def reference(config, architecture=transformers.T5EncoderModel):
    torch.manual_seed(0)
    model = architecture(transformers.T5Config(**config, dropout_rate=0.0)).eval()
    randomize(model)
    return model


def ours(checkpoint, config):
    encoder = build_encoder("t5", config, "config.json")
    encoder.load_state_dict(encoder_tensors(checkpoint, encoder, "test"), assign=True)
    return encoder.float()


@pytest.fixture(scope="module")
def pair():
    theirs = reference(PUBLISHED)
    return theirs, ours(theirs.state_dict(), PUBLISHED)


@torch.no_grad()
def test_at_full_width_states_are_those_of_transformers_padded_and_alone(pair):
    theirs, encoder = pair
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(3, 28, (len(LENGTHS), max(LENGTHS)), generator=generator)
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    ids *= mask
    expected = theirs(input_ids=ids, attention_mask=mask.long()).last_hidden_state

    assert_close(encoder(ids, mask)[mask], expected[mask], rtol=0, atol=1e-5)
    for row, length in zip(ids, LENGTHS, strict=True):
        alone = row[None, :length]
        expected = theirs(input_ids=alone).last_hidden_state
        assert_close(encoder(alone), expected, rtol=0, atol=1e-5)


def test_of_a_whole_model_the_encoder_alone_is_read():
    whole = reference(SMALL, transformers.T5ForConditionalGeneration)
    encoder = ours(whole.state_dict(), SMALL)
    ids = torch.arange(3, 28)[None]
    with torch.no_grad():
        assert_close(encoder(ids), whole.encoder(input_ids=ids).last_hidden_state)


def test_a_gated_t5_is_refused():
    config = SMALL | {"feed_forward_proj": "gated-gelu"}
    with pytest.raises(InputError, match=r"kind gated-gelu is not that of ProtT5"):
        build_encoder("t5", config, "config.json")


MEMORY = """
import re, sys
from pathlib import Path
import torch
from seqloom.models.weights import read_tensors
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
tensors = read_tensors([Path(sys.argv[1])])
total = sum(float(t.sum()) for name, t in tensors.items() if not name.startswith("decoder."))
print(total, peak() - before)
"""


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
def test_a_decoder_that_is_not_used_takes_no_memory(tmp_path, name):
    tensors = {"decoder.weight": torch.zeros(100_000_000), "shared.weight": torch.ones(1000)}
    if name.endswith(".bin"):
        torch.save(tensors, tmp_path / name)
    else:
        from safetensors.torch import save_file

        save_file(tensors, tmp_path / name)
    command = [sys.executable, "-c", MEMORY, tmp_path / name]
    environment = {"PYTHONPATH": str(Path(REGISTRY).parents[1] / "workflow" / "scripts")}
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    total, kilobytes = map(float, output.stdout.split())
    assert total == 1000 and kilobytes < 100_000


def test_the_tokens_of_a_published_model_are_those_of_sentencepiece(tmp_path):
    from sentencepiece import SentencePieceProcessor

    folder = sentencepiece_folder(tmp_path, {})
    theirs = SentencePieceProcessor(model_file=str(folder / "spiece.model"))
    tokenizer = published_t5_tokenizer(folder)
    for sequence in (T5_LETTERS, "MKVJW", "M", "A" * 999):
        assert token_ids(tokenizer, [sequence]) == [[*theirs.encode(" ".join(sequence)), 1]]
    assert token_ids(demo_t5_tokenizer(), [T5_LETTERS]) == token_ids(tokenizer, [T5_LETTERS])


@pytest.mark.parametrize("described", [False, True])
def test_prefixes_and_structure_are_single_tokens(tmp_path, described):
    folder = sentencepiece_folder(tmp_path, {} if described else STRUCTURE)
    if described:
        tokens = {str(i): {"content": token} for token, i in STRUCTURE.items()}
        (folder / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": tokens}))
    tokenizer = published_t5_tokenizer(folder)
    found = token_ids(tokenizer, ["<AA2fold>AL", "<fold2AA>alc"])
    assert found == [[149, 3, 4, 1], [148, 128, 129, 147, 1]]
    # A letter of structure is 125 above the amino acid of its name.
    upper, lower = token_ids(tokenizer, [T5_STRUCTURE.upper(), T5_STRUCTURE])
    assert [i - 125 for i in lower[:-1]] == upper[:-1]
    assert tokenizer.to_str() == demo_t5_tokenizer().to_str()


def test_a_tokenizer_of_something_else_is_refused(tmp_path):
    (tmp_path / "spiece.model").write_bytes(b"no model")
    with pytest.raises(InputError, match=r"spiece\.model: not a SentencePiece model"):
        published_t5_tokenizer(tmp_path)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder as published: float16, a decoder, a SentencePiece model."""
    folder = sentencepiece_folder(tmp_path_factory.mktemp("published"), STRUCTURE)
    whole = reference(SMALL | {"num_layers": 1}, transformers.T5ForConditionalGeneration)
    torch.save({k: v.half() for k, v in whole.state_dict().items()}, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps(SMALL | {"num_layers": 1}))
    return folder


def written(folder: Path, published: Path, name: str) -> Path:
    backend = read_backend(REGISTRY, name)
    source = local_source(backend, published, None)
    write_model(backend, source, folder / name, folder / "lock.json", False)
    return folder / name


@pytest.mark.parametrize(
    ("name", "special"), [("prot_t5_xl", 1), ("prost_t5", 2), ("prost_t5_3di", 2)]
)
def test_a_vector_is_the_mean_of_the_residues_alone(tmp_path, published, name, special):
    folder = written(tmp_path, published, name)
    model = load_model(folder, "float32", 1)
    sequence = "MUKVZOBWLLAC"
    tokens = tokenize(model, [sequence]).pieces
    assert tokens.lengths.tolist() == [len(sequence) + special]
    config = transformers.T5Config(**json.loads((folder / "config.json").read_text()))
    theirs = transformers.T5EncoderModel(config).eval()
    theirs.load_state_dict(read_tensors([folder / "model.safetensors"]), strict=False)
    letters = {
        "prot_t5_xl": "MXKVXXXWLLAC",
        "prost_t5": "MXKVXXXWLLAC",
        "prost_t5_3di": sequence.lower(),
    }[name]
    alphabet = {c: i for i, c in enumerate(T5_LETTERS, 3)} | STRUCTURE
    ids = [alphabet.get(c, 2) for c in letters]
    prefix = {"prost_t5": [149], "prost_t5_3di": [148]}.get(name, [])
    with torch.no_grad():
        states = theirs.float()(input_ids=torch.tensor([[*prefix, *ids, 1]])).last_hidden_state[0]
    expected = states[len(prefix) : -1].mean(dim=0)
    [row] = embed(model, ["x"], [sequence]).rows
    np.testing.assert_allclose(row, expected.numpy(), rtol=0, atol=1e-5)


def test_the_published_clean_pooling_counts_the_end_token_and_ours_does_not(tmp_path, published):
    """It sums all tokens but divides by one less: some percent off at 57 tokens."""
    model = load_model(written(tmp_path, published, "prot_t5_xl"), "float32", 1)
    sequence = (T5_LETTERS * 3)[:56]
    [row] = embed(model, ["x"], [sequence]).rows
    ids = torch.tensor(model.reading.token_ids(model.tokenizer, [sequence]))
    with torch.no_grad():
        [states] = model.encoder(ids)
    theirs = states.sum(dim=0) / (len(states) - 1)
    np.testing.assert_allclose(row, states[:-1].mean(dim=0), rtol=0, atol=1e-6)
    assert_close(theirs - torch.tensor(row), states[-1] / 56, rtol=0, atol=1e-5)
    assert (theirs - torch.tensor(row)).norm() > 0.01 * theirs.norm()


def test_what_overflows_in_float16_is_read_again_in_a_wider_dtype(tmp_path, published):
    tensors = read_tensors([published / "pytorch_model.bin"])
    layer = "encoder.block.0.layer."
    # Channel 0 of the feed-forward layer's input is 0 but for W, of which it makes 300,000.
    tensors["shared.weight"][:, 0] = 0
    tensors["shared.weight"][T5_LETTERS.index("W") + 3, 0] = 1000
    tensors[layer + "0.SelfAttention.o.weight"][0] = 0
    tensors[layer + "1.layer_norm.weight"][0] = 1
    tensors[layer + "1.DenseReluDense.wi.weight"][:, 0] = 10000
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    for name in ("config.json", "spiece.model"):
        (tmp_path / name).write_bytes((published / name).read_bytes())
    folder, sequences = written(tmp_path, tmp_path, "prot_t5_xl"), ["MKV", "MWV", "AC", "MWV"]
    low, exact = load_model(folder, "float16", 1), load_model(folder, "float32", 1)
    found, expected = embed(low, sequences, sequences), embed(exact, sequences, sequences)
    assert found.redone == {"bfloat16": [1, 3]} and found.failures == {}
    assert np.isfinite(found.rows).all()
    difference = np.linalg.norm(found.rows - expected.rows, axis=1)
    assert (difference < 0.05 * np.linalg.norm(expected.rows, axis=1)).all()


def test_the_description_of_a_model_says_how_it_reads(tmp_path, published):
    folder = written(tmp_path, published, "prost_t5")
    description = json.loads((folder / "model.json").read_text())
    assert description["reading"] == asdict(load_model(folder, "float32", 1).reading)
    assert description["reading"]["prefix"] == "<AA2fold>" and description["reading"]["before"] == 1
