"""Our MosaicBERT against one written step by step from its description."""

import numpy as np
import pytest
import torch
from dnabert_reference import CONFIG, random_checkpoint, reference
from models_data import PUBLISHED_DNABERT

from seqloom.encoders.architectures import build_encoder
from seqloom.encoders.dnabert import alibi_slopes
from seqloom.encoders.layers import set_precision
from seqloom.errors import InputError
from seqloom.models.weights import encoder_tensors


def encoder_of(checkpoint: dict[str, torch.Tensor], config: dict = CONFIG) -> torch.nn.Module:
    encoder = build_encoder("dnabert", config, "config.json")
    encoder.load_state_dict(encoder_tensors(checkpoint, encoder, "test"), assign=True)
    return encoder


def test_slopes_of_twelve_heads_and_of_a_power_of_two():
    expected = [2**-i for i in range(1, 9)] + [2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5]
    assert alibi_slopes(12) == pytest.approx(expected, abs=0)
    assert alibi_slopes(4) == [2**-2, 2**-4, 2**-6, 2**-8]


@torch.no_grad()
def test_equals_the_description_padded_and_not():
    checkpoint = random_checkpoint()
    encoder = encoder_of(checkpoint)
    sequences = [[1, 7, 9, 9, 30, 41, 2], [1, 5, 2], [1, 8, 8, 12, 49, 2]]
    for ids in sequences:
        states = encoder(torch.tensor([ids]))[0]
        np.testing.assert_allclose(states, reference(checkpoint, ids), rtol=0, atol=1e-12)
    longest = max(map(len, sequences))
    padded = torch.tensor([ids + [3] * (longest - len(ids)) for ids in sequences])
    states = encoder(padded, padded != 3)
    for ids, row in zip(sequences, states, strict=True):
        np.testing.assert_allclose(row[: len(ids)], reference(checkpoint, ids), rtol=0, atol=1e-12)


@torch.no_grad()
def test_at_full_size_float32_is_within_1e_5_padded_and_not():
    checkpoint = random_checkpoint(PUBLISHED_DNABERT, deviation=0.02, norm=1)
    encoder = encoder_of(checkpoint, PUBLISHED_DNABERT).float()
    sequences = [[1, *range(100, 163), 2], [1, 4095, 5, 77, 2]]
    tokens = torch.full((2, 65), 3)
    for row, ids in zip(tokens, sequences, strict=True):
        row[: len(ids)] = torch.tensor(ids)
    together = encoder(tokens, tokens != 3)
    for ids, row in zip(sequences, together, strict=True):
        expected = reference(checkpoint, ids, PUBLISHED_DNABERT)
        for states in (row[: len(ids)], encoder(torch.tensor([ids]))[0]):
            np.testing.assert_allclose(states, expected, rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float16, 2e-2), (torch.bfloat16, 1e-1)]
)
def test_precision_is_that_of_the_matmuls_alone(dtype, tolerance):
    checkpoint = random_checkpoint()
    encoder = encoder_of(checkpoint)
    set_precision(encoder, dtype)
    states = encoder(torch.tensor([[1, 7, 9, 9, 30, 41, 2]]))
    assert states.dtype == torch.float32
    expected = reference(checkpoint, [1, 7, 9, 9, 30, 41, 2])
    np.testing.assert_allclose(states[0], expected, rtol=0, atol=tolerance)


def test_published_extras_are_left_out():
    checkpoint = {f"bert.{name}": tensor for name, tensor in random_checkpoint().items()}
    checkpoint |= {
        "bert.pooler.dense.weight": torch.ones(48, 48),
        "cls.predictions.bias": torch.ones(50),
    }
    with torch.no_grad():
        ids = torch.tensor([[1, 7, 2]])
        assert torch.equal(encoder_of(checkpoint)(ids), encoder_of(random_checkpoint())(ids))


def test_config_without_a_key():
    config = {key: value for key, value in CONFIG.items() if key != "hidden_size"}
    with pytest.raises(InputError, match=r"config\.json: 'hidden_size' is missing"):
        build_encoder("dnabert", config, "config.json")
