"""Linear layers by oneDNN on a CPU; each weight is converted to its layout once.

A row of the result does not depend on the number of rows, as it does with the BLAS library.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqloom.encoders.layers import Linear

# As oneDNN names them.
_ACTIVATIONS = {None: "none", "relu": "relu", "silu": "swish"}

# Rows are filled up to a multiple of this.
_ROWS = 32


class PackedLinear(nn.Module):
    """A Linear whose weight has the layout of oneDNN."""

    def __init__(self, linear: Linear) -> None:
        super().__init__()
        self.dtype, self.bias = linear.weight.dtype, linear.bias
        # PyTorch's own SiLU depends on the number of threads in its last bits.
        self.activation = _ACTIVATIONS[linear.activation]
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach())

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(end_dim=-2)
        # oneDNN keeps more than a megabyte of code for each number of rows.
        filled = F.pad(rows.to(self.dtype), (0, 0, 0, -len(rows) % _ROWS))
        product = torch.ops.mkldnn._linear_pointwise(
            filled, self.weight, self.bias, self.activation, [], ""
        )
        return product[: len(rows)].unflatten(0, x.shape[:-1])


def use_onednn(encoder: nn.Module) -> None:
    """Replace each Linear of the encoder by that of oneDNN, where oneDNN supports its dtype."""
    parents = [module for module in encoder.modules() if not isinstance(module, Linear)]
    for parent in parents:
        # One name at a time: a list of all children would keep every old weight in memory.
        for name in [name for name, _ in parent.named_children()]:
            child = getattr(parent, name)
            if isinstance(child, Linear) and _is_supported(child.weight.dtype):
                setattr(parent, name, PackedLinear(child))


def _is_supported(dtype: torch.dtype) -> bool:
    if dtype == torch.bfloat16:
        return torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return dtype == torch.float32 and torch.backends.mkldnn.is_available()
