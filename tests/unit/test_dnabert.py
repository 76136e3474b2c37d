"""Our MosaicBERT against one written here, step by step, from its description."""

import math

import numpy as np
import pytest
import torch
from models_data import PUBLISHED_DNABERT

from seqloom.encoders.architectures import build_encoder
from seqloom.encoders.dnabert import alibi_slopes
from seqloom.encoders.layers import set_precision
from seqloom.errors import InputError
from seqloom.models.weights import encoder_tensors

CONFIG = {
    "vocab_size": 50,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 12,
    "intermediate_size": 20,
    "layer_norm_eps": 1e-12,
    "type_vocab_size": 2,
}


def random_checkpoint(
    config: dict = CONFIG, deviation: float = 0.3, norm: float = 0
) -> dict[str, torch.Tensor]:
    """Keys and shapes as published, every tensor random, biases and norms (around `norm`) too."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    shapes = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], width),
        "embeddings.token_type_embeddings.weight": (2, width),
        "embeddings.LayerNorm.weight": (width,),
        "embeddings.LayerNorm.bias": (width,),
    }
    for i in range(config["num_hidden_layers"]):
        layer = {
            "attention.self.Wqkv.weight": (3 * width, width),
            "attention.self.Wqkv.bias": (3 * width,),
            "attention.output.dense.weight": (width, width),
            "attention.output.dense.bias": (width,),
            "attention.output.LayerNorm.weight": (width,),
            "attention.output.LayerNorm.bias": (width,),
            "mlp.gated_layers.weight": (2 * inner, width),
            "mlp.wo.weight": (width, inner),
            "mlp.wo.bias": (width,),
            "mlp.layernorm.weight": (width,),
            "mlp.layernorm.bias": (width,),
        }
        shapes |= {f"encoder.layer.{i}.{name}": shape for name, shape in layer.items()}
    generator = np.random.default_rng(0)
    return {
        name: torch.from_numpy(
            generator.normal(norm * name.lower().endswith("norm.weight"), deviation, shape)
        )
        for name, shape in shapes.items()
    }


def encoder_of(checkpoint: dict[str, torch.Tensor], config: dict = CONFIG) -> torch.nn.Module:
    encoder = build_encoder("dnabert", config, "config.json")
    encoder.load_state_dict(encoder_tensors(checkpoint, encoder, "test"), assign=True)
    return encoder


def reference(
    weights: dict[str, torch.Tensor], ids: list[int], config: dict = CONFIG
) -> np.ndarray:
    """One sequence, loops and numpy, nothing shared with the package."""
    w = {name: tensor.double().numpy() for name, tensor in weights.items()}
    width, heads = config["hidden_size"], config["num_attention_heads"]
    size, length = width // heads, len(ids)
    slopes = [2**-i for i in range(1, 9)] + [2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5]

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        centered = x - x.mean(-1, keepdims=True)
        scaled = centered / np.sqrt((centered**2).mean(-1, keepdims=True) + 1e-12)
        return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]

    def gelu(x: np.ndarray) -> np.ndarray:
        return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))

    x = w["embeddings.word_embeddings.weight"][ids]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for i in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{i}."
        qkv = x @ w[at + "attention.self.Wqkv.weight"].T + w[at + "attention.self.Wqkv.bias"]
        mixed = np.zeros_like(x)
        for head in range(heads):
            columns = slice(head * size, (head + 1) * size)
            q, k, v = (qkv[:, part * width : (part + 1) * width][:, columns] for part in range(3))
            scores = q @ k.T / math.sqrt(size)
            for a in range(length):
                for b in range(length):
                    scores[a, b] -= slopes[head] * abs(a - b)
            shares = np.exp(scores - scores.max(1, keepdims=True))
            mixed[:, columns] = shares / shares.sum(1, keepdims=True) @ v
        dense = at + "attention.output.dense."
        x = x + mixed @ w[dense + "weight"].T + w[dense + "bias"]
        x = norm(x, at + "attention.output.LayerNorm")
        gate, up = np.split(x @ w[at + "mlp.gated_layers.weight"].T, 2, axis=1)
        inner = gelu(gate) * up @ w[at + "mlp.wo.weight"].T + w[at + "mlp.wo.bias"]
        x = norm(x + inner, at + "mlp.layernorm")
    return x


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
