"""Models with random weights from a seed: the real widths and code paths, no biology."""

import numpy as np
import torch
from torch import Tensor, nn

DEVIATION = 0.02


def random_tensors(encoder: nn.Module, seed: int) -> dict[str, Tensor]:
    """Weights by the names of a checkpoint; norms start as identity, frequencies stay."""
    # numpy's generator gives the same numbers on every CPU; torch's does not promise to.
    generator = np.random.default_rng(seed)
    buffers = dict(encoder.named_buffers())
    tensors = {}
    for name, tensor in encoder.state_dict().items():
        if name in buffers:
            tensors[name] = tensor
        elif "norm" in name.lower():
            tensors[name] = torch.full(tensor.shape, float(name.endswith("weight")))
        else:
            values = generator.standard_normal(tensor.shape, dtype=np.float32) * DEVIATION
            tensors[name] = torch.from_numpy(values).half()
    return tensors
