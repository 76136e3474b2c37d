"""Attention with a bias by the distance of two tokens, by a kernel that computes it or by PyTorch.

A bias is None, the slopes [heads] of ALiBi, or a table [heads, 2 * reach + 1] whose columns are the
key's place minus the query's, from -reach to reach; what is farther away takes the last column.

PyTorch's own attention needs the bias of all pairs of tokens in memory, our Triton kernel does not.
One of the two is chosen before each batch, and the log gives the reason.
"""

import functools
import logging
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from seqloom.encoders.attention_operator import Attend, by_kernel
from seqloom.encoders.layers import split_heads

log = logging.getLogger(__name__)

# Odd, so that the last block of a self-test is cut short.
_TESTED_LENGTH = 203
# The first batch may be small, and its time would say little about later ones.
_TIMED_TOKENS = 32768
# The allowed error of a self-test relative to the largest number: about five times what is seen.
_ALLOWED = {torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}


@dataclass(frozen=True)
class Case:
    """What the kernels are compiled, tested and timed for."""

    bias: tuple[int, ...] | None
    heads: int
    size: int
    dtype: torch.dtype
    device: torch.device
    padded: bool
    trains: bool


def kernel_serves(
    bias: Tensor | None,
    shape: tuple[int, int, int, int],
    dtype: torch.dtype,
    device: torch.device,
    padded: bool,
) -> bool:
    """Whether our kernel computes the attention of queries [batch, heads, length, size].

    It must pass its self-test, and be faster than PyTorch or have no room for the dense bias.
    The answer depends on the device, so this must not be called inside a compiled function.
    """
    if device.type != "cuda":
        _log_once(f"attention by PyTorch, as on any {device.type}")
        return False
    batch, heads, length, size = shape
    bias_shape = None if bias is None else tuple(bias.shape)
    case = Case(bias_shape, heads, size, dtype, device, padded, torch.is_grad_enabled())
    return _passes_self_test(case) and _is_preferred(case, batch, length)


def attention(
    kernel: bool,
    bias: Tensor | None,
    length: int,
    dtype: torch.dtype,
    mask: Tensor | None = None,
    scale: float | None = None,
) -> Attend:
    """A function of query, key and value [batch, heads, length, size] for all layers of a model.

    The mask [batch, length] is False at the padding that follows a sequence. A table may be
    trained, slopes are constants. Without a scale it is 1 / sqrt(size).
    """
    if kernel:
        return by_kernel(bias, mask, scale)
    return by_pytorch(bias, length, dtype, mask, scale)


def by_pytorch(
    bias: Tensor | None,
    length: int,
    dtype: torch.dtype,
    mask: Tensor | None,
    scale: float | None = None,
) -> Attend:
    dense = dense_bias(bias, length, dtype, mask)
    return functools.partial(F.scaled_dot_product_attention, attn_mask=dense, scale=scale)


def dense_bias(
    bias: Tensor | None, length: int, dtype: torch.dtype, mask: Tensor | None
) -> Tensor | None:
    """The `attn_mask` of PyTorch: [1 or batch, heads, length, length], or the mask if no bias."""
    keys = None if mask is None else mask[:, None, None, :]
    if bias is None:
        return keys
    place = torch.arange(length, device=bias.device)
    ahead = place - place[:, None]
    if bias.ndim == 1:
        dense = -bias.view(-1, 1, 1) * ahead.abs()
    else:
        reach = bias.shape[1] // 2
        dense = bias[:, ahead.clamp(-reach, reach) + reach]
    dense = dense.to(dtype)[None]
    return dense if keys is None else dense.masked_fill(~keys, -math.inf)


def t5_table(buckets: Tensor, reach: int) -> Tensor:
    """The table of the position buckets [buckets, heads] of a T5 encoder.

    Each small distance has its own bucket; larger ones share buckets that widen up to `reach`: see
    "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer".
    """
    half = buckets.shape[0] // 2
    exact = half // 2
    ahead = torch.arange(-reach, reach + 1, device=buckets.device)
    distance = ahead.abs()
    wide = (distance.clamp(min=exact) / exact).log() / math.log(reach / exact) * (half - exact)
    bucket = torch.where(distance < exact, distance, exact + wide.long()).clamp(max=half - 1)
    return buckets[bucket + half * (ahead > 0)].T


@functools.cache
def _log_once(line: str) -> None:
    log.info(line)


@functools.cache
def _passes_self_test(case: Case) -> bool:
    """Whether the kernel passes its test on this device; the log says why it does not."""
    try:
        error, allowed = self_test(case), _ALLOWED[case.dtype]
    except torch.cuda.OutOfMemoryError:  # it says nothing about the kernel
        raise
    except Exception as problem:  # whatever compilers and drivers raise
        reason = f"{type(problem).__name__}: {problem}"
    else:
        if error <= allowed:
            return True
        reason = f"its error is {error:.1e} of the largest number, more than {allowed:.1e}"
    log.warning("attention by PyTorch, since the Triton kernel fails its test here (%s)", reason)
    return False


def self_test(case: Case) -> float:
    """The largest error of the kernel against PyTorch in float64, as a part of the largest number.

    Gradients are tested if the case has any.
    """
    inputs, bias, mask = _example(case, 2, _TESTED_LENGTH)
    exact = inputs.detach().double().requires_grad_(case.trains)
    wide = None if bias is None else bias.detach().double().requires_grad_(bias.requires_grad)
    found = _outcome(case, by_kernel(bias, mask), inputs, bias)
    reference = by_pytorch(wide, _TESTED_LENGTH, torch.float64, mask)
    expected = _outcome(case, reference, exact, wide)
    errors = [
        (ours.double() - theirs).abs().max() / theirs.abs().max()
        for ours, theirs in zip(found, expected, strict=True)
    ]
    return torch.stack(errors).max().item()


# Of each case and length (up to a power of two): whether the kernel is used, and the bytes of the
# dense bias for which that was decided.
_preferred: dict[tuple[Case, int], tuple[bool, int]] = {}


def _is_preferred(case: Case, batch: int, length: int) -> bool:
    """Whether the kernel is faster, or the bias too large; decided once and logged."""
    key, needed = (case, length.bit_length()), _dense_bytes(case, batch, length)
    is_used, known = _preferred.get(key, (None, -1))
    if is_used or needed <= known:
        return is_used
    if needed >= _free_bytes(case.device) / 2:
        is_used, reason = True, f"a dense bias would take {needed / 1e9:.1f} GB"
    elif is_used is None:
        try:
            ours, theirs = _milliseconds(case, batch, length)
        except torch.cuda.OutOfMemoryError:  # the kernel takes less; another batch is timed
            return True
        is_used, reason = ours < theirs, f"{ours:.3f} ms by the kernel, {theirs:.3f} ms by PyTorch"
    else:
        reason = f"a dense bias of {needed / 1e9:.1f} GB fits too"
    _preferred[key] = is_used, needed
    name = "the Triton kernel" if is_used else "PyTorch"
    log.info("attention of %d tokens and similar lengths by %s (%s)", length, name, reason)
    return is_used


def _dense_bytes(case: Case, batch: int, length: int) -> int:
    """Bytes that PyTorch's attention needs for the bias and for computing it."""
    if case.bias is None:
        return 0
    # In float32, in the dtype, and padded by PyTorch to a multiple of 8 keys.
    bytes_of_pair = 4 + case.dtype.itemsize * (1 + 2 * (batch if case.padded else 1))
    return case.heads * length**2 * bytes_of_pair


def _free_bytes(device: torch.device) -> int:
    reserved = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + reserved


def _milliseconds(case: Case, batch: int, length: int) -> tuple[float, float]:
    """The times of the kernel and of PyTorch's attention."""
    from triton.testing import do_bench

    inputs, bias, mask = _example(case, max(batch, _TIMED_TOKENS // length), length)
    ways = by_kernel(bias, mask), by_pytorch(bias, length, case.dtype, mask)
    ours, theirs = (
        do_bench(lambda way=way: _outcome(case, way, inputs, bias), warmup=5, rep=20)
        for way in ways
    )
    return ours, theirs


def _example(case: Case, batch: int, length: int) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Random inputs in the layout of the matmul before attention, a bias and a mask."""
    generator = torch.Generator(case.device).manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=case.device)

    inputs = normal(batch, length, 3 * case.heads * case.size).to(case.dtype)
    bias = None if case.bias is None else normal(*case.bias).abs()
    if case.trains:
        inputs.requires_grad_()
        if bias is not None:
            bias.requires_grad_(bias.ndim == 2)
    mask = None
    if case.padded:
        mask = torch.ones(batch, length, dtype=torch.bool, device=case.device)
        mask[0, length - length // 3 :] = False
    return inputs, bias, mask


def _outcome(case: Case, attend: Attend, inputs: Tensor, bias: Tensor | None) -> list[Tensor]:
    """The result of attention and, in training, the gradients."""
    query, key, value = (split_heads(part, case.heads) for part in inputs.chunk(3, dim=-1))
    mixed = attend(query, key, value)
    if not case.trains:
        return [mixed]
    leaves = [leaf for leaf in (inputs, bias) if leaf is not None and leaf.requires_grad]
    return [mixed, *torch.autograd.grad(mixed, leaves, query.detach())]
