"""Attention in Triton that computes the position bias, so that memory holds no bias of all pairs.

The algorithm is that of the paper "FlashAttention-2: Faster Attention with Better Parallelism and
Work Partitioning": a program holds one block of rows (or of columns) and goes through the blocks of
the other side; the backward pass computes the probabilities again from the logarithm of each row's
sum.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from seqloom.encoders.layers import empty_heads

LOG2E = tl.constexpr(1.4426950408889634)
NONE, SLOPES, TABLE = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2)


@triton.jit
def _start(tensor, pair, heads):
    """Where the rows of this pair of sequence and head begin, in a (pointer, *strides)."""
    return tensor[0] + (pair // heads).to(tl.int64) * tensor[1] + (pair % heads) * tensor[2]


@triton.jit
def _cells(rows, stride, length, SIZE: tl.constexpr, PADDED: tl.constexpr):
    """Offsets of whole rows, and which of them exist."""
    channels = tl.arange(0, PADDED)
    exist = (rows[:, None] < length) & (channels < SIZE)[None, :]
    return rows[:, None] * stride + channels[None, :], exist


@triton.jit
def _load(tensor, pair, heads, rows, length, SIZE: tl.constexpr, PADDED: tl.constexpr):
    offsets, exist = _cells(rows, tensor[3], length, SIZE, PADDED)
    return tl.load(_start(tensor, pair, heads) + offsets, mask=exist, other=0.0)


@triton.jit
def _store(tensor, value, pair, heads, rows, length, SIZE: tl.constexpr, PADDED: tl.constexpr):
    offsets, exist = _cells(rows, tensor[3], length, SIZE, PADDED)
    start = _start(tensor, pair, heads)
    tl.store(start + offsets, value.to(tensor[0].dtype.element_ty), mask=exist)


@triton.jit
def _logits(left, right, ahead, real, bias, head, scale, KIND: tl.constexpr, REACH: tl.constexpr):
    """Base-2 logits of keys that stand `ahead` tokens after their queries."""
    logits = tl.dot(left, right.T, input_precision="ieee") * (scale * LOG2E)
    if KIND == SLOPES:
        logits -= tl.load(bias + head) * LOG2E * tl.abs(ahead)
    if KIND == TABLE:
        near = tl.minimum(tl.maximum(ahead, -REACH), REACH) + REACH
        logits += tl.load(bias + head * (2 * REACH + 1) + near) * LOG2E
    return tl.where(real, logits, float("-inf"))


@triton.jit
def _pair_and_rows(length, ROWS: tl.constexpr):
    """Which pair of sequence and head a program is for, and which of its rows."""
    blocks = tl.cdiv(length, ROWS)
    rows = tl.program_id(0) % blocks * ROWS + tl.arange(0, ROWS)
    return tl.program_id(0) // blocks, rows


@triton.jit
def _block_of_keys(
    q, rows, key, value, first, keys, bias, pair, length, heads, scale,
    KIND: tl.constexpr, REACH: tl.constexpr, SIZE: tl.constexpr, PADDED: tl.constexpr,
    COLUMNS: tl.constexpr,
):  # fmt: skip
    """Keys and values from `first` on, how far ahead of the rows they stand, and their logits."""
    columns = first + tl.arange(0, COLUMNS)
    k = _load(key, pair, heads, columns, length, SIZE, PADDED)
    v = _load(value, pair, heads, columns, length, SIZE, PADDED)
    ahead, real = columns[None, :] - rows[:, None], columns[None, :] < keys
    logits = _logits(q, k, ahead, real, bias, pair % heads, scale, KIND, REACH)
    return k, v, ahead, logits


@triton.jit
def _real_keys(lengths, pair, heads, length):
    if lengths is None:
        return length
    else:
        return tl.load(lengths + pair // heads)


@triton.jit(do_not_specialize=["length"])
def _forward(
    query, key, value, mixed, logsum, bias, lengths, length, heads, scale,
    KIND: tl.constexpr, REACH: tl.constexpr, SIZE: tl.constexpr, PADDED: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    pair, rows = _pair_and_rows(length, ROWS)
    keys = _real_keys(lengths, pair, heads, length)
    q = _load(query, pair, heads, rows, length, SIZE, PADDED)
    top = tl.full([ROWS], float("-inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    sums = tl.zeros([ROWS, PADDED], tl.float32)
    for first in range(0, keys, COLUMNS):
        _, v, _, logits = _block_of_keys(
            q, rows, key, value, first, keys, bias, pair, length, heads, scale,
            KIND, REACH, SIZE, PADDED, COLUMNS,
        )  # fmt: skip
        higher = tl.maximum(top, tl.max(logits, 1))
        p = tl.exp2(logits - higher[:, None])
        shrink = tl.exp2(top - higher)
        total = total * shrink + tl.sum(p, 1)
        sums = tl.dot(p.to(v.dtype), v, sums * shrink[:, None], input_precision="ieee")
        top = higher
    _store(mixed, sums / total[:, None], pair, heads, rows, length, SIZE, PADDED)
    # In 64 bits: pairs times length may pass 2^31.
    tl.store(logsum + pair.to(tl.int64) * length + rows, top + tl.log2(total), mask=rows < length)


@triton.jit(do_not_specialize=["length"])
def _backward_query(
    query, key, value, mixed, grad, grad_query, grad_bias, logsum, dots, bias, lengths, length,
    heads, scale, KIND: tl.constexpr, REACH: tl.constexpr, SIZE: tl.constexpr,
    PADDED: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Also store in `dots` each row's product of output and gradient, for the other kernel."""
    pair, rows = _pair_and_rows(length, ROWS)
    keys = _real_keys(lengths, pair, heads, length)
    q = _load(query, pair, heads, rows, length, SIZE, PADDED)
    g = _load(grad, pair, heads, rows, length, SIZE, PADDED)
    o = _load(mixed, pair, heads, rows, length, SIZE, PADDED)
    dot = tl.sum(o.to(tl.float32) * g.to(tl.float32), 1)
    place = pair.to(tl.int64) * length + rows
    tl.store(dots + place, dot, mask=rows < length)
    # Rows past the end get the probability 2^-inf.
    log = tl.load(logsum + place, mask=rows < length, other=float("inf"))
    sums = tl.zeros([ROWS, PADDED], tl.float32)
    far_before = tl.zeros([ROWS], tl.float32)
    far_after = tl.zeros([ROWS], tl.float32)
    for first in range(0, keys, COLUMNS):
        k, v, ahead, logits = _block_of_keys(
            q, rows, key, value, first, keys, bias, pair, length, heads, scale,
            KIND, REACH, SIZE, PADDED, COLUMNS,
        )  # fmt: skip
        p = tl.exp2(logits - log[:, None])
        slope = p * (tl.dot(g, v.T, input_precision="ieee") - dot[:, None])
        sums = tl.dot(slope.to(k.dtype), k, sums, input_precision="ieee")
        if grad_bias is not None:
            near = grad_bias + pair % heads * (2 * REACH + 1) + ahead + REACH
            tl.atomic_add(near, slope, mask=tl.abs(ahead) < REACH, sem="relaxed")
            far_before += tl.sum(tl.where(ahead <= -REACH, slope, 0.0), 1)
            far_after += tl.sum(tl.where(ahead >= REACH, slope, 0.0), 1)
    if grad_bias is not None:
        farthest = grad_bias + pair % heads * (2 * REACH + 1)
        tl.atomic_add(farthest, tl.sum(far_before), sem="relaxed")
        tl.atomic_add(farthest + 2 * REACH, tl.sum(far_after), sem="relaxed")
    _store(grad_query, sums * scale, pair, heads, rows, length, SIZE, PADDED)


@triton.jit(do_not_specialize=["length"])
def _backward_key_value(
    query, key, value, grad, grad_key, grad_value, logsum, dots, bias, lengths, length, heads,
    scale, KIND: tl.constexpr, REACH: tl.constexpr, SIZE: tl.constexpr, PADDED: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    pair, columns = _pair_and_rows(length, ROWS)
    keys = _real_keys(lengths, pair, heads, length)
    k = _load(key, pair, heads, columns, length, SIZE, PADDED)
    v = _load(value, pair, heads, columns, length, SIZE, PADDED)
    key_sums = tl.zeros([ROWS, PADDED], tl.float32)
    value_sums = tl.zeros([ROWS, PADDED], tl.float32)
    for first in range(0, length, COLUMNS):
        rows = first + tl.arange(0, COLUMNS)
        q = _load(query, pair, heads, rows, length, SIZE, PADDED)
        g = _load(grad, pair, heads, rows, length, SIZE, PADDED)
        place = pair.to(tl.int64) * length + rows
        log = tl.load(logsum + place, mask=rows < length, other=float("inf"))
        dot = tl.load(dots + place, mask=rows < length, other=0.0)
        ahead, real = columns[:, None] - rows[None, :], columns[:, None] < keys
        logits = _logits(k, q, ahead, real, bias, pair % heads, scale, KIND, REACH)
        p = tl.exp2(logits - log[None, :])
        value_sums = tl.dot(p.to(g.dtype), g, value_sums, input_precision="ieee")
        slope = p * (tl.dot(v, g.T, input_precision="ieee") - dot[None, :])
        key_sums = tl.dot(slope.to(q.dtype), q, key_sums, input_precision="ieee")
    _store(grad_key, key_sums * scale, pair, heads, columns, length, SIZE, PADDED)
    _store(grad_value, value_sums, pair, heads, columns, length, SIZE, PADDED)


def forward(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, lengths: Tensor | None,
    scale: float,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The mixed values, and of each row the base-2 logarithm of its sum, which `backward` needs."""
    mixed, logsum = empty_heads(query), query.new_empty(query.shape[:-1], dtype=torch.float32)
    tensors = [_strided(tensor) for tensor in (query, key, value, mixed)]
    _launch(_forward, (*tensors, logsum), query, bias, lengths, scale)
    return mixed, logsum


def backward(
    grad: Tensor, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None,
    lengths: Tensor | None, scale: float, mixed: Tensor, logsum: Tensor, with_table: bool,
) -> list[Tensor]:  # fmt: skip
    """The gradients of query, key and value and, if asked for, of the table."""
    grads = [empty_heads(tensor) for tensor in (query, key, value)]
    grad_bias = torch.zeros_like(bias) if with_table else None
    dots = torch.empty_like(logsum)
    inputs = [_strided(tensor) for tensor in (query, key, value)]
    g, o, grad_query, *grads_key_value = (_strided(tensor) for tensor in (grad, mixed, *grads))
    tensors = (*inputs, o, g, grad_query, grad_bias, logsum, dots)
    _launch(_backward_query, tensors, query, bias, lengths, scale)
    tensors = (*inputs, g, *grads_key_value, logsum, dots)
    _launch(_backward_key_value, tensors, query, bias, lengths, scale)
    return [*grads, grad_bias] if with_table else grads


def _strided(tensor: Tensor) -> tuple[Tensor, int, int, int]:
    """A tensor and its strides, without a copy if its channels are contiguous."""
    tensor = tensor if tensor.stride(-1) == 1 else tensor.contiguous()
    return tensor, *tensor.stride()[:3]


def _launch(
    kernel: triton.JITFunction, tensors: tuple, query: Tensor, bias: Tensor | None,
    lengths: Tensor | None, scale: float,
) -> None:  # fmt: skip
    batch, heads, length, size = query.shape
    # The largest blocks for 99 KB of shared memory; sizes of a power of two hardly spill registers.
    if query.itemsize == 4:
        rows = columns = 32
    else:
        rows, columns = 128 if kernel is _forward else 64, 64
    kind = NONE if bias is None else SLOPES if bias.ndim == 1 else TABLE
    grid = (batch * heads * triton.cdiv(length, rows),)
    with torch.cuda.device_of(query):
        kernel[grid](
            *tensors, bias, lengths, length, heads, scale,
            KIND=kind, REACH=bias.shape[1] // 2 if kind == TABLE else 0,
            SIZE=size, PADDED=max(16, triton.next_power_of_2(size)),
            ROWS=rows, COLUMNS=columns, num_warps=8, num_stages=2,
        )  # fmt: skip
