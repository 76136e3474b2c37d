"""The layers that encoders share."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Encoder(nn.Module):
    """A network from token ids to states."""

    compiles = True  # whether torch.compile can take all of it as one graph

    def choose_attention(self, ids: Tensor, mask: Tensor | None) -> None:
        """Choose the attention of the next forward pass, if the encoder has a choice."""

    def set_precision(self, dtype: torch.dtype) -> None:
        set_precision(self, dtype)


class Linear(nn.Linear):
    """A linear layer in its weight's dtype, optionally followed by an activation (silu or relu)."""

    def __init__(
        self, inputs: int, outputs: int, bias: bool = True, activation: str | None = None
    ) -> None:
        super().__init__(inputs, outputs, bias)
        self.activation = activation

    @property
    def dtype(self) -> torch.dtype:
        return self.weight.dtype

    def forward(self, x: Tensor) -> Tensor:
        product = F.linear(x.to(self.weight.dtype), self.weight, self.bias)
        return _ACTIVATIONS[self.activation](product) if self.activation else product


_ACTIVATIONS = {"silu": F.silu, "relu": F.relu}


def store_separately(module: nn.Module, joined: str, names: Sequence[str]) -> None:
    """Let checkpoints hold the linear layer `joined` of `module` as layers of these `names`.

    Several layers of one input are then one matrix product.
    """
    layer = module.get_submodule(joined)
    kinds = [kind for kind, _ in layer.named_parameters()]

    def split(_: nn.Module, tensors: dict[str, Tensor], prefix: str, *__: Any) -> None:
        parts = {kind: tensors.pop(f"{prefix}{joined}.{kind}").chunk(len(names)) for kind in kinds}
        for i, name in enumerate(names):
            tensors.update({f"{prefix}{name}.{kind}": parts[kind][i] for kind in kinds})

    def join(_: nn.Module, tensors: dict[str, Tensor], prefix: str, *__: Any) -> None:
        for kind in kinds:
            parts = [tensors.pop(f"{prefix}{name}.{kind}") for name in names]
            tensors[f"{prefix}{joined}.{kind}"] = torch.cat(parts)

    module.register_state_dict_post_hook(split)
    module.register_load_state_dict_pre_hook(join)


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
