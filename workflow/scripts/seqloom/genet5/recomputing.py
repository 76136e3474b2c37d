"""Layers that are computed again in the backward pass, to save memory."""

from typing import Any

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def recomputed(layer: nn.Module, *inputs: Any) -> Tensor:
    return checkpoint(layer, *inputs, use_reentrant=False)
