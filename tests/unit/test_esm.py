"""Our ESM-2 and ESM-1b against the ones of transformers, at the widths of published models."""

import json
import re

import pytest
import torch
import torch.nn.functional as F
import transformers
from models_data import one_thread, pooled, published_esm, randomize  # noqa: F401

from seqloom.config.registry import REGISTRY, read_backend
from seqloom.encoders.architectures import build_encoder
from seqloom.encoders.layers import set_precision
from seqloom.errors import InputError
from seqloom.models.weights import encoder_tensors, read_tensors, weight_files

CONFIG = published_esm(320, 3, 20)
WIDE = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 2}
LEARNED = {"position_embedding_type": "absolute", "emb_layer_norm_before": True}
MODELS = {
    "esm2_8m": CONFIG,
    "esm2_650m": CONFIG | WIDE,
    "esm1b": CONFIG | WIDE | LEARNED,
    "no_token_dropout": CONFIG | {"token_dropout": False},
    "learned_no_token_dropout": CONFIG | LEARNED | {"token_dropout": False},
}
LENGTHS = (9, 3, 130, 57)


def reference(config):
    """With its heads, as published; rounded frequencies, as in the float16 checkpoints."""
    torch.manual_seed(0)
    config = transformers.EsmConfig(
        **config, mask_token_id=32, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    model = transformers.EsmForMaskedLM(config).eval()
    randomize(model)
    if config.position_embedding_type == "rotary":
        frequencies = model.esm.rotary_embeddings.inv_freq
        frequencies.copy_(frequencies.half())
    return model


@pytest.fixture(scope="module", params=MODELS)
def pair(request):
    theirs = reference(MODELS[request.param])
    return theirs.esm, ours(theirs.state_dict(), MODELS[request.param])


def ours(checkpoint, config):
    encoder = build_encoder("esm", config, "config.json")
    tensors = encoder_tensors(checkpoint, encoder, "test")
    encoder.load_state_dict(tensors, assign=True)
    return encoder.float()


def published(theirs) -> dict[str, torch.Tensor]:
    """An older checkpoint of the hub: frequencies in each layer, idle extras."""
    tensors = theirs.state_dict()
    frequencies = tensors.pop("esm.rotary_embeddings.inv_freq")
    for i in range(theirs.config.num_hidden_layers):
        at = f"esm.encoder.layer.{i}.attention.self.rotary_embeddings.inv_freq"
        tensors[at] = frequencies.half()
    idle = ("esm.embeddings.position_ids", "esm.embeddings.position_embeddings.weight")
    return tensors | {name: torch.ones(1) for name in idle}


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Every letter of the alphabet, padding after it."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.full((len(LENGTHS), max(LENGTHS)), CONFIG["pad_token_id"])
    for row, length in zip(ids, LENGTHS, strict=True):
        row[:length] = torch.randint(3, 32, (length,), generator=generator)
        row[0], row[length - 1] = 0, 2
    return ids, ids != CONFIG["pad_token_id"]


def assert_close(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@torch.no_grad()
def test_parity_with_transformers_padded_and_alone(pair):
    theirs, encoder = pair
    ids, mask = batch()
    states = encoder(ids, mask)
    expected = theirs(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    assert_close(states[mask], expected[mask])
    for i, length in enumerate(LENGTHS):
        alone = ids[i : i + 1, :length]
        assert_close(encoder(alone), theirs(input_ids=alone).last_hidden_state)
        assert_close(encoder(alone)[0], states[i, :length])


@torch.no_grad()
def test_what_stands_in_the_padding_changes_nothing(pair):
    ids, mask = batch()
    other = ids.masked_fill(~mask, 7)
    assert torch.equal(pair[1](ids, mask)[mask], pair[1](other, mask)[mask])


@pytest.mark.parametrize("name", ["esm2_8m", "esm1b"])
def test_a_folder_saved_by_transformers_loads_strictly(tmp_path, name):
    theirs = reference(MODELS[name] | {"num_hidden_layers": 1})
    theirs.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    checkpoint = read_tensors(weight_files(tmp_path))
    encoder = ours(checkpoint, config)
    ids, mask = batch()
    with torch.no_grad():
        expected = theirs.esm(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        assert_close(encoder(ids, mask)[mask], expected[mask])
    idle = re.compile(r"lm_head\.|esm\.contact_head\.|.*\.inv_freq")
    for lost in (name for name in checkpoint if not idle.match(name)):
        fewer = {name: tensor for name, tensor in checkpoint.items() if name != lost}
        with pytest.raises(InputError, match="the checkpoint lacks"):
            encoder_tensors(fewer, encoder, "here")
    with pytest.raises(InputError, match=r"has unknown encoder\.layer\.1\.LayerNorm\.bias"):
        extra = {"esm.encoder.layer.1.LayerNorm.bias": torch.ones(1)}
        encoder_tensors(checkpoint | extra, encoder, "here")


@torch.no_grad()
def test_stored_frequencies_are_used_and_missing_ones_computed():
    theirs = reference(CONFIG)
    checkpoint = published(theirs)
    ids, mask = batch()
    rounded = ours(checkpoint, CONFIG)(ids, mask)
    expected = theirs.esm(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    assert_close(rounded[mask], expected[mask])
    exact = ours({name: t for name, t in checkpoint.items() if "inv_freq" not in name}, CONFIG)
    assert not torch.equal(rounded[mask], exact(ids, mask)[mask])
    torch.testing.assert_close(rounded[mask], exact(ids, mask)[mask], rtol=0, atol=0.05)


@torch.no_grad()
def test_learned_positions_end_where_the_registry_says():
    longest = read_backend(REGISTRY, "esm1b").max_length
    config = CONFIG | LEARNED | {"num_hidden_layers": 1}
    theirs = reference(config)
    encoder = ours(theirs.state_dict(), config)
    ids = torch.randint(4, 24, (1, longest), generator=torch.Generator().manual_seed(2))
    assert_close(encoder(ids), theirs.esm(input_ids=ids).last_hidden_state)
    with pytest.raises(RuntimeError, match="must match the size"):
        encoder(torch.cat((ids, ids[:, :1]), dim=1))


@torch.no_grad()
def test_low_precision_is_that_of_the_matmuls_alone(pair):
    theirs, encoder = pair
    ids, mask = batch()
    exact = pooled(encoder(ids, mask), mask)
    low = type(theirs)(theirs.config, add_pooling_layer=False).eval()
    low.load_state_dict(theirs.state_dict())
    low = low.bfloat16()(input_ids=ids, attention_mask=mask.long()).last_hidden_state.float()
    checkpoint = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    mixed = build_encoder("esm", config_of(theirs), "config.json")
    mixed.load_state_dict(checkpoint, assign=True)
    set_precision(mixed, torch.bfloat16)
    states = mixed(ids, mask)
    assert states.dtype == torch.float32
    found, everywhere = pooled(states, mask), pooled(low, mask)
    assert F.cosine_similarity(found, exact).min() > 0.9999
    assert (found - exact).norm() < (everywhere - exact).norm()


def test_query_key_and_value_are_one_product_and_three_tensors_of_a_checkpoint(pair):
    theirs, encoder = pair
    layer = encoder.encoder.layer[0].attention.self.joined
    width = theirs.config.hidden_size
    assert layer.weight.shape == (3 * width, width)
    for name in ("query", "key", "value"):
        for kind in ("weight", "bias"):
            key = f"encoder.layer.0.attention.self.{name}.{kind}"
            assert torch.equal(encoder.state_dict()[key], theirs.state_dict()[key])


def config_of(theirs) -> dict:
    return {key: getattr(theirs.config, key) for key in CONFIG}


def test_positions_of_another_kind_are_refused():
    config = CONFIG | {"position_embedding_type": "relative_key"}
    with pytest.raises(InputError, match=r"config\.json: relative_key positions"):
        build_encoder("esm", config, "config.json")
