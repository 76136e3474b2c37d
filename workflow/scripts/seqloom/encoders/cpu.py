"""Matrix products of a CPU by oneDNN, whose weights are laid out once.

Unlike with the BLAS library, a row comes out the same whatever the number of rows.
"""

import torch
from torch import Tensor, nn

from seqloom.encoders.layers import Linear

_LARGEST = 127  # of a signed 8-bit number
_ZERO = 128  # oneDNN is fast on inputs without a sign only


class _Packed(nn.Module):
    """A Linear in its own precision."""

    def __init__(self, linear: Linear) -> None:
        super().__init__()
        self.dtype, self.bias = linear.weight.dtype, linear.bias
        # PyTorch's own SiLU depends on the number of threads in its last bits.
        self.activation = "swish" if linear.silu else "none"
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach())

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(
            x.to(self.dtype), self.weight, self.bias, self.activation, [], ""
        )


class _Int8(nn.Module):
    """A Linear in 8 bits, with a scale for each row of the weight and for each token.

    One scale for a whole batch, as `quantize_dynamic` has it, would mix neighbors.
    """

    def __init__(self, linear: Linear) -> None:
        super().__init__()
        weight = linear.weight.detach()
        scale = _scale(weight)
        rounded = (weight / scale).round().to(torch.int8)
        self.weight = torch.ops.onednn.qlinear_prepack(rounded, None)
        self.scale, self.shift = scale.flatten(), torch.zeros(len(scale), dtype=torch.int64)
        self.bias = torch.zeros(()) if linear.bias is None else linear.bias
        self.zero = torch.tensor(_ZERO + 0.5)  # uint8 cuts off what is behind the point

    def forward(self, x: Tensor) -> Tensor:
        scale = _scale(x)
        rounded = torch.addcmul(self.zero, x, scale.reciprocal()).to(torch.uint8)
        inputs, weight = (rounded, 1.0, _ZERO), (self.weight, self.scale, self.shift)
        output = (1.0, 0, torch.float32, "none", [], "")
        product = torch.ops.onednn.qlinear_pointwise(*inputs, *weight, None, *output)
        return torch.addcmul(self.bias, product, scale, out=product)


def _scale(x: Tensor) -> Tensor:
    """What the largest number of each row is divided by to be the largest of 8 bits."""
    return x.abs().amax(-1, keepdim=True).clamp_min_(1e-12).div_(_LARGEST)


def has_int8() -> bool:
    # Without these instructions sums of 8-bit products overflow.
    return torch.cpu._is_vnni_supported()


def use_onednn(encoder: nn.Module, int8: bool) -> None:
    """Let oneDNN do the matrix products, where it knows their precision."""
    parents = [module for module in encoder.modules() if not isinstance(module, Linear)]
    for parent in parents:
        # By name, or all that is replaced would stay in memory to the end.
        for name in [name for name, _ in parent.named_children()]:
            child = getattr(parent, name)
            if not isinstance(child, Linear):
                continue
            if int8 and not child.silu:
                setattr(parent, name, _Int8(child))
            elif _is_known(child.weight.dtype):
                setattr(parent, name, _Packed(child))


def _is_known(dtype: torch.dtype) -> bool:
    if dtype == torch.bfloat16:
        return torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return dtype == torch.float32 and torch.backends.mkldnn.is_available()
