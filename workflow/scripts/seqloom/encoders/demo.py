"""Models with random weights from a seed: the real widths and code paths, no biology."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# What a demo backend of models.yaml does not set.
CONFIGS: dict[str, dict[str, Any]] = {
    "dnabert": {
        "vocab_size": 4096,
        "hidden_size": 768,
        "num_hidden_layers": 2,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "layer_norm_eps": 1e-12,
        "type_vocab_size": 2,
    },
    "esm": {
        "vocab_size": 33,
        "hidden_size": 1280,
        "num_hidden_layers": 2,
        "num_attention_heads": 20,
        "intermediate_size": 5120,
        "layer_norm_eps": 1e-5,
        "token_dropout": True,
        "position_embedding_type": "rotary",
        "emb_layer_norm_before": False,
    },
}
DEVIATION = 0.02


def random_tensors(encoder: nn.Module, seed: int) -> dict[str, Tensor]:
    """Weights for every parameter of `encoder`; norms start as identity, frequencies stay."""
    # numpy's generator gives the same numbers on every CPU; torch's does not promise to.
    generator = np.random.default_rng(seed)
    tensors = dict(encoder.named_buffers())
    for name, parameter in encoder.named_parameters():
        if "norm" in name.lower():
            tensors[name] = torch.full(parameter.shape, float(name.endswith("weight")))
        else:
            values = generator.standard_normal(parameter.shape, dtype=np.float32) * DEVIATION
            tensors[name] = torch.from_numpy(values).half()
    return tensors
