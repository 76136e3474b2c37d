#!/usr/bin/env python3
"""Attention with the slopes of DNABERT-S on a GPU: our kernel, a dense bias, flex_attention.

Prints markdown. ms is the time of one layer over about 32,768 tokens; MB the peak of its memory
beyond the inputs, in millions of bytes, a dense bias included; error the largest difference from
a dense bias in float32, as a part of the largest number.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import flex_attention

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from seqloom.encoders.attention import by_pytorch
from seqloom.encoders.attention_operator import Attend, by_kernel
from seqloom.encoders.dnabert import alibi_slopes
from seqloom.encoders.layers import split_heads

HEADS, SIZE, TOKENS = 12, 64, 32768
LENGTHS = (66, 128, 256, 512, 1024, 2048, 4500, 8192)
DTYPES = (torch.float16, torch.bfloat16, torch.float32)

Work = Callable[[Attend, Tensor], Tensor]


def by_flex(slopes: Tensor) -> Attend:
    def biased(score: Tensor, _: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return score - slopes[head] * (query - key).abs()

    torch.compiler.reset()  # it gives up after a few lengths
    return torch.compile(partial(flex_attention, score_mod=biased), dynamic=False)


def parts(inputs: Tensor) -> list[Tensor]:
    return [split_heads(part, HEADS) for part in inputs.chunk(3, dim=-1)]


@torch.no_grad()
def forward(attend: Attend, inputs: Tensor) -> Tensor:
    return attend(*parts(inputs))


def forward_and_backward(attend: Attend, inputs: Tensor) -> Tensor:
    query, key, value = parts(inputs)
    return torch.autograd.grad(attend(query, key, value), inputs, query.detach())[0]


def costs(work: Work, attention: Callable[[], Attend], inputs: Tensor, expected: Tensor) -> str:
    """The cells of a table; dashes where memory does not suffice."""
    from triton.testing import do_bench

    before = torch.cuda.memory_allocated()
    try:
        attend = attention()
        difference = work(attend, inputs)[:1] - expected
        error = (difference.abs().max() / expected.abs().max()).item()
        torch.cuda.reset_peak_memory_stats()
        work(attend, inputs)
        megabytes = (torch.cuda.max_memory_allocated() - before) / 1e6
        milliseconds = do_bench(lambda: work(attend, inputs), return_mode="median")
    except torch.cuda.OutOfMemoryError:
        return "- | - | -"
    return f"{milliseconds:.3f} | {megabytes:.0f} | {error:.1e}"


def compare(dtype: torch.dtype, work: Work) -> None:
    ways = ("kernel", "dense bias", "flex_attention")
    print(f"\n{work.__name__} in {str(dtype).removeprefix('torch.')}\n")
    print("| length |" + "".join(f" {way}: ms | MB | error |" for way in ways))
    print("|---|" + "---|---|---|" * len(ways))
    slopes = torch.tensor(alibi_slopes(HEADS), device="cuda")
    for length in LENGTHS:
        shape = (max(1, TOKENS // length), length, 3 * HEADS * SIZE)
        inputs = torch.randn(shape, device="cuda", dtype=dtype, requires_grad=True)
        # Of the first sequence only: others would take too much memory.
        first = inputs[:1].detach().float().requires_grad_()
        expected = work(by_pytorch(slopes, length, torch.float32, None), first)
        cells = [
            costs(work, attention, inputs, expected)
            for attention in (
                partial(by_kernel, slopes, None),
                partial(by_pytorch, slopes, length, dtype, None),
                partial(by_flex, slopes),
            )
        ]
        print(f"| {length} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    if not torch.cuda.is_available():
        sys.exit("error: this measures a GPU, and there is none here")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    for dtype in DTYPES:
        for work in (forward, forward_and_backward):
            compare(dtype, work)


if __name__ == "__main__":
    main()
