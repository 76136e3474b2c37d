"""The layers that encoders share."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Encoder(nn.Module):
    """A network from token ids to states; torch.compile can take its forward as one graph."""

    def choose_attention(self, ids: Tensor, mask: Tensor | None) -> None:
        """Choose the attention of the next forward pass, if the encoder has a choice."""


class Linear(nn.Linear):
    """A linear layer in the dtype of its weight, optionally followed by SiLU."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True, silu: bool = False) -> None:
        super().__init__(inputs, outputs, bias)
        self.silu = silu

    @property
    def dtype(self) -> torch.dtype:
        return self.weight.dtype

    def forward(self, x: Tensor) -> Tensor:
        product = F.linear(x.to(self.weight.dtype), self.weight, self.bias)
        return F.silu(product) if self.silu else product


class JoinedLinear(Linear):
    """Several linear layers of one input in one matmul; checkpoints have them by their `names`."""

    def __init__(self, inputs: int, outputs: int, names: Sequence[str]) -> None:
        super().__init__(inputs, outputs * len(names))
        self.names = names

    def _save_to_state_dict(self, destination, prefix, keep_vars) -> None:
        joined = {}
        super()._save_to_state_dict(joined, "", keep_vars)
        parts = {key: tensor.chunk(len(self.names)) for key, tensor in joined.items()}
        for i, name in enumerate(self.names):
            destination.update({f"{prefix}{name}.{key}": parts[key][i] for key in parts})

    def _load_from_state_dict(self, state_dict, prefix, *others) -> None:
        for key in ("weight", "bias"):
            parts = [state_dict.pop(f"{prefix}{name}.{key}") for name in self.names]
            state_dict[prefix + key] = torch.cat(parts)
        super()._load_from_state_dict(state_dict, prefix, *others)


def set_precision(encoder: nn.Module, dtype: torch.dtype) -> None:
    """Matrix products in `dtype`; embeddings, norms and the residual stream stay in float32."""
    encoder.float()
    for module in encoder.modules():
        if isinstance(module, Linear):
            module.to(dtype)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[batch, length, heads * size] -> [batch, heads, length, size]."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """[batch, heads, length, size] -> [batch, length, heads * size]."""
    return x.transpose(1, 2).flatten(-2)


def empty_heads(x: Tensor) -> Tensor:
    """An empty tensor in the shape of [batch, heads, length, size] that `join_heads` only views."""
    return x.new_empty(x.transpose(1, 2).shape).transpose(1, 2)


def without_heads(
    tensors: Mapping[str, Tensor], prefix: str, heads: tuple[str, ...]
) -> dict[str, Tensor]:
    """A checkpoint without the `prefix` its names may have, and without the named `heads`."""
    # transformers may still save a norm under its old names.
    named = {
        name.removeprefix(prefix)
        .replace("LayerNorm.gamma", "LayerNorm.weight")
        .replace("LayerNorm.beta", "LayerNorm.bias"): tensor
        for name, tensor in tensors.items()
    }
    return {name: tensor for name, tensor in named.items() if not name.startswith(heads)}
