"""Models with random weights from a seed: the real widths and code paths, no biology."""

import numpy as np
import torch
from torch import Tensor, nn

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
