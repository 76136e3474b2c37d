"""What is known of the published models without their weights: sizes, shapes, goldens."""

import csv
import json
import math

import pytest
import transformers
import yaml
from facts import DATA, dnabert_tokenizer
from models_data import PUBLISHED_DNABERT, published_esm

from seqloom.config.registry import REGISTRY, read_backend
from seqloom.embedding.goldens import GOLDENS
from seqloom.encoders.architectures import build_encoder
from seqloom.encoders.tokenizers import esm_tokenizer, load_tokenizer, token_ids


def esmc(width: int, layers: int, heads: int) -> dict:
    return {"vocab_size": 64, "d_model": width, "n_layers": layers, "n_heads": heads}


ESM_1B = published_esm(1280, 33, 20, position_embedding_type="absolute", emb_layer_norm_before=True)
CONFIGS = {
    "dnabert_s": PUBLISHED_DNABERT,
    "dnabert_2": PUBLISHED_DNABERT,
    "fastesm2_650": published_esm(1280, 33, 20),
    "esm2_8m": published_esm(320, 6, 20),
    "esm2_35m": published_esm(480, 12, 20),
    "esm2_150m": published_esm(640, 30, 20),
    "esm2_650m": published_esm(1280, 33, 20),
    "esm2_3b": published_esm(2560, 36, 40),
    "esm1b": ESM_1B,
    "esm_c_300m": esmc(960, 30, 15),
    "esm_c_600m": esmc(1152, 36, 18),
}
# Of the published weights in float32, as the hub shows them.
MEGABYTES = {
    "dnabert_s": "468",
    "fastesm2_650": "2.6e+03",
    "esm2_8m": "31.4",
    "esm2_150m": "595",
    "esm2_650m": "2.61e+03",
    "esm2_3b": "1.137e+04",
    "esm_c_300m": "1.33e+03",
    "esm_c_600m": "2.3e+03",
}


def parameters_left_out(name: str, width: int) -> int:
    """Of the heads that come with the encoder, and of tables that nothing reads."""
    if name == "dnabert_s":
        return width * width + width  # pooler
    head = width * width + width + 2 * width
    if name.startswith("esm_c"):
        return head + 64 * width + 64
    config = CONFIGS[name]
    contacts = config["num_hidden_layers"] * config["num_attention_heads"] + 1
    positions = 0 if name == "fastesm2_650" else 1026 * width
    return head + 33 + contacts + positions


@pytest.mark.parametrize("name", CONFIGS)
def test_the_published_shape_has_the_width_and_the_parameters_of_the_registry(name):
    backend = read_backend(REGISTRY, name)
    encoder = build_encoder(backend.architecture, CONFIGS[name], name)
    embeddings = [p for key, p in encoder.named_parameters() if "embed" in key]
    assert {parameter.shape[-1] for parameter in embeddings} == {backend.width}
    numbers = sum(parameter.numel() for parameter in encoder.parameters())
    assert backend.parameters == pytest.approx(numbers / 1e6, rel=0.01, abs=1)


@pytest.mark.parametrize("name", MEGABYTES)
def test_all_that_is_published_is_read(name):
    backend = read_backend(REGISTRY, name)
    encoder = build_encoder(backend.architecture, CONFIGS[name], name)
    numbers = sum(parameter.numel() for parameter in encoder.parameters())
    megabytes = 4e-6 * (numbers + parameters_left_out(name, backend.width))
    digits = len(MEGABYTES[name].split("e")[0].replace(".", ""))
    assert f"{megabytes:.{digits}g}" == MEGABYTES[name]


def test_dnabert_has_as_many_tensors_as_published():
    encoder = build_encoder("dnabert", PUBLISHED_DNABERT, "config.json")
    assert len(encoder.state_dict()) == 138 - 2  # pooler
    matrices = [p for name, p in encoder.named_parameters() if "encoder" in name and p.ndim == 2]
    assert sum(p.numel() for p in matrices) == pytest.approx(113.2e6, abs=0.05e6)


@pytest.mark.parametrize("name", [name for name in CONFIGS if "dna" not in name])
def test_every_tensor_of_transformers_is_ours_or_a_head(name):
    import torch

    config = CONFIGS[name]
    with torch.device("meta"):
        if name.startswith("esm_c"):
            theirs = transformers.EsmcForMaskedLM(
                transformers.EsmcConfig(
                    hidden_size=config["d_model"],
                    intermediate_size={960: 2560, 1152: 3072}[config["d_model"]],
                    num_hidden_layers=config["n_layers"],
                    num_attention_heads=config["n_heads"],
                )
            )
        else:
            theirs = transformers.EsmForMaskedLM(transformers.EsmConfig(**config, mask_token_id=32))
    backend = read_backend(REGISTRY, name)
    encoder = build_encoder(backend.architecture, config, name)
    heads = ("lm_head.", "esm.contact_head.")
    expected = {
        key.split(".", 1)[1]: tensor.shape
        for key, tensor in theirs.state_dict().items()
        if not key.startswith(heads)
    }
    assert {key: tensor.shape for key, tensor in encoder.state_dict().items()} == expected


def test_the_registry_names_the_published_weights_and_their_pooling():
    entries = yaml.safe_load(REGISTRY.read_text())
    with open(DATA / "published_models.tsv", newline="") as table:
        published = {row.pop("backend"): row for row in csv.DictReader(table, delimiter="\t")}
    for name, row in published.items():
        assert {key: str(entries[name].get(key, "")) for key in row} == row, name
        assert len(entries[name].get("files", [])) == row["sha256"].count(",") + bool(row["sha256"])
    assert not any("sha256" in entries[name] for name in entries.keys() - published.keys())


def goldens() -> dict:
    facts = json.loads(GOLDENS.read_text())
    return {name: golden["cases"] for name, golden in facts.items() if name != "about"}


def test_golden_vectors_have_the_width_and_the_norm_that_were_published():
    for name, cases in goldens().items():
        for case in cases:
            if "pooled" in case:
                assert len(case["pooled"]) == read_backend(REGISTRY, name).width
                assert math.hypot(*case["pooled"]) == pytest.approx(case["norm"], abs=2e-5)
            else:
                assert len(case["head"]) == 16 and math.hypot(*case["head"]) < case["norm"]


def test_golden_sequences_are_read_whole_and_without_unknown_tokens(tmp_path):
    for name, cases in goldens().items():
        backend = read_backend(REGISTRY, name)
        if backend.molecule == "dna":
            tokenizer, unknown = load_tokenizer(dnabert_tokenizer(tmp_path)), 0
        else:
            tokenizer, unknown = esm_tokenizer(), 3
        sequences = [case["sequence"] for case in cases]
        for sequence, ids in zip(sequences, token_ids(tokenizer, sequences), strict=True):
            assert unknown not in ids and len(ids) <= backend.max_length
            tokens = [tokenizer.id_to_token(i) for i in ids[1:-1]]
            assert "".join(tokens) == sequence
