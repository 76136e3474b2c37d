"""The Triton kernels of attention as operators of PyTorch; torch.compile calls them unchanged.

Triton is not on every machine, so it is imported only where a kernel runs.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from seqloom.encoders.layers import empty_heads

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


def by_kernel(bias: Tensor | None, mask: Tensor | None, scale: float | None = None) -> Attend:
    lengths = None if mask is None else mask.sum(1, dtype=torch.int32)
    bias = None if bias is None else bias.float().contiguous()

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        factor = query.shape[-1] ** -0.5 if scale is None else scale
        return _attend(query, key, value, bias, lengths, factor)[0]

    return attend


@torch.library.custom_op("seqloom::attend", mutates_args=())
def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    lengths: Tensor | None,
    scale: float,
) -> tuple[Tensor, Tensor]:
    from seqloom.encoders import attention_kernels

    return attention_kernels.forward(query, key, value, bias, lengths, scale)


@_attend.register_fake
def _(query, key, value, bias, lengths, scale):
    return empty_heads(query), query.new_empty(query.shape[:-1], dtype=torch.float32)


@torch.library.custom_op("seqloom::attend_backward", mutates_args=())
def _attend_backward(
    grad: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    lengths: Tensor | None,
    scale: float,
    mixed: Tensor,
    logsum: Tensor,
    with_table: bool,
) -> list[Tensor]:
    from seqloom.encoders import attention_kernels

    return attention_kernels.backward(
        grad, query, key, value, bias, lengths, scale, mixed, logsum, with_table
    )


@_attend_backward.register_fake
def _(grad, query, key, value, bias, lengths, scale, mixed, logsum, with_table):
    grads = [empty_heads(query), empty_heads(key), empty_heads(value)]
    return [*grads, torch.empty_like(bias)] if with_table else grads


def _save_for_backward(ctx, inputs, output) -> None:
    query, key, value, bias, lengths, ctx.scale = inputs
    ctx.save_for_backward(query, key, value, bias, lengths, *output)


def _gradients(ctx, grad, _grad_logsum):
    query, key, value, bias, lengths, mixed, logsum = ctx.saved_tensors
    with_table = ctx.needs_input_grad[3] and bias.ndim == 2
    grads = _attend_backward(
        grad, query, key, value, bias, lengths, ctx.scale, mixed, logsum, with_table
    )
    return *grads, *[None] * (6 - len(grads))


_attend.register_autograd(_gradients, setup_context=_save_for_backward)
