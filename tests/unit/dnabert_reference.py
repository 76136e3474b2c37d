"""A MosaicBERT written step by step from its description, and random weights as published."""

import math

import numpy as np
import torch

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
