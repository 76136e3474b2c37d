"""Our ESM-C against the one of transformers, at the published widths."""

import json
import re

import pytest
import torch
import torch.nn.functional as F
import transformers
from models_data import one_thread, pooled  # noqa: F401
from published_models import ESMC, published_esmc, random_esmc

from seqloom.config.registry import Backend
from seqloom.encoders.architectures import build_encoder
from seqloom.encoders.layers import set_precision
from seqloom.encoders.tokenizers import load_tokenizer, token_ids
from seqloom.errors import InputError
from seqloom.models.fetch import local_source, write_model
from seqloom.models.weights import (
    encoder_tensors,
    load_weights,
    read_tensors,
    weight_files,
    write_weights,
)

PAD = 1
LENGTHS = (9, 3, 130, 57)


@pytest.fixture(scope="module", params=ESMC)
def theirs(request):
    torch.manual_seed(0)
    return random_esmc(ESMC[request.param] | {"n_layers": 2}).eval()


def config_of(theirs) -> dict:
    [config] = (c for c in ESMC.values() if c["d_model"] == theirs.config.hidden_size)
    return config | {"n_layers": 2}


def ours(checkpoint, config):
    encoder = build_encoder("esmc", config, "config.json")
    tensors = encoder_tensors(checkpoint, encoder, "test")
    encoder.load_state_dict(tensors, assign=True)
    return encoder.float()


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Every letter of the alphabet, padding after it."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.full((len(LENGTHS), max(LENGTHS)), PAD)
    for row, length in zip(ids, LENGTHS, strict=True):
        row[:length] = torch.randint(3, 32, (length,), generator=generator)
        row[0], row[length - 1] = 0, 2
    return ids, ids != PAD


def assert_close(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@torch.no_grad()
def test_parity_with_transformers_padded_and_alone(theirs):
    encoder = ours(published_esmc(theirs), config_of(theirs))
    ids, mask = batch()
    states = encoder(ids, mask)
    expected = theirs.esmc(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    assert_close(states[mask], expected[mask])
    for i, length in enumerate(LENGTHS):
        alone = ids[i : i + 1, :length]
        assert_close(encoder(alone), theirs.esmc(input_ids=alone).last_hidden_state)
        assert_close(encoder(alone)[0], states[i, :length])
    assert torch.equal(encoder(ids.masked_fill(~mask, 7), mask)[mask], states[mask])


def test_a_folder_saved_by_transformers_loads_strictly(tmp_path, theirs):
    theirs.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    checkpoint = read_tensors(weight_files(tmp_path))
    encoder, wanted = ours(checkpoint, config), ours(published_esmc(theirs), config_of(theirs))
    assert encoder.state_dict().keys() == wanted.state_dict().keys()
    for name, tensor in wanted.state_dict().items():
        assert torch.equal(encoder.state_dict()[name], tensor)
    assert_refused_when_changed(checkpoint, encoder, "esmc.layers.2.mlp.up_proj.weight")


def test_the_published_names_load_strictly(theirs):
    checkpoint = published_esmc(theirs)
    encoder = ours(checkpoint, config_of(theirs))
    assert_refused_when_changed(checkpoint, encoder, "esmc.transformer.blocks.2.ffn.fc1_weight")
    cut = {"esmc.transformer.blocks.0.ffn.fc1_weight": torch.ones(1, 960)}
    with pytest.raises(InputError, match=r"lacks layers\.0\.mlp\.up_proj\.weight"):
        encoder_tensors(checkpoint | cut, encoder, "here")


def assert_refused_when_changed(checkpoint, encoder, extra):
    idle = re.compile(r"lm_head\.|.*\._extra_state")
    for lost in (name for name in checkpoint if not idle.match(name)):
        fewer = {name: tensor for name, tensor in checkpoint.items() if name != lost}
        with pytest.raises(InputError, match="the checkpoint lacks"):
            encoder_tensors(fewer, encoder, "here")
    with pytest.raises(InputError, match=r"has unknown layers\.2\.mlp"):
        encoder_tensors(checkpoint | {extra: torch.ones(2, 2)}, encoder, "here")


@torch.no_grad()
def test_low_precision_is_that_of_the_matmuls_alone(theirs):
    checkpoint = {name: tensor.clone() for name, tensor in published_esmc(theirs).items()}
    ids, mask = batch()
    exact = pooled(ours(checkpoint, config_of(theirs))(ids, mask), mask)
    low = transformers.EsmcModel(theirs.config).eval()
    low.load_state_dict(theirs.esmc.state_dict())
    low = low.bfloat16()(input_ids=ids, attention_mask=mask.long()).last_hidden_state.float()
    mixed = ours(checkpoint, config_of(theirs))
    set_precision(mixed, torch.bfloat16)
    assert mixed.frequencies.dtype == torch.float32
    states = mixed(ids, mask)
    assert states.dtype == torch.float32
    found, everywhere = pooled(states, mask), pooled(low, mask)
    assert F.cosine_similarity(found, exact).min() > 0.9999
    assert (found - exact).norm() < (everywhere - exact).norm()


@torch.no_grad()
def test_from_a_published_folder_to_a_vector(tmp_path, theirs):
    published_folder, made = tmp_path / "published", tmp_path / "model"
    published_folder.mkdir()
    write_weights(published_folder / "model.safetensors", published_esmc(theirs))
    (published_folder / "config.json").write_text(json.dumps(config_of(theirs)))
    transformers.EsmcTokenizer().save_pretrained(published_folder)
    backend = Backend(
        name="tiny",
        architecture="esmc",
        molecule="protein",
        width=theirs.config.hidden_size,
        pooling="mean_residues",
        max_length=2048,
        dtype="bfloat16",
        parameters=1,
    )
    write_model(backend, local_source(backend, published_folder, None), made, tmp_path / "l", False)
    encoder = build_encoder("esmc", json.loads((made / "config.json").read_text()), "config.json")
    load_weights(encoder, made / "model.safetensors")
    sequence = "MKLVWXBUZO-.ACDEFGHIJKLNPQRSTY"
    ids = token_ids(load_tokenizer(made / "tokenizer.json"), [sequence])
    expected = theirs.esmc(**transformers.EsmcTokenizer()(sequence, return_tensors="pt"))
    expected = expected.last_hidden_state[0, 1 : len(sequence) + 1].mean(dim=0)
    assert_close(pooled(encoder(torch.tensor(ids)), None)[0], expected)


def test_config_without_a_key():
    config = {key: value for key, value in ESMC["esm_c_300m"].items() if key != "n_heads"}
    with pytest.raises(InputError, match=r"config\.json: 'n_heads' is missing"):
        build_encoder("esmc", config, "config.json")
