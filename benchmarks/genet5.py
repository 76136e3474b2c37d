#!/usr/bin/env python3
"""Training and generation of GeneT5 beside a plain loop, on one core and in one run.

    python benchmarks/genet5.py --windows 64 --width 128 --layers 3

Both read the same windows of a made-up genome (1,500 bp) with the same network. The plain loop of
training takes windows in the order in which they are drawn, pads all to the longest, computes
attention by its formula and AdamW tensor by tensor. That of generation writes one window after the
other, each padded to the longest and read once, computes attention by its formula and decodes all
steps again for each new one. <eos> is made so unlikely that all targets come near their limit.
Seconds are those of the processor; the peak is that of a product of square matrices of 1,024 on the
same core. "memory" is the peak (VmHWM) of a
process of its own that trains on one window of so many tokens, with and without computing layers
again. Prints markdown.
"""

import argparse
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = map(str, (REPOSITORY / "workflow" / "scripts", REPOSITORY / "tests" / "unit"))

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from baked_run import SPECIES, write_baked_run  # noqa: E402
from facts import dnabert_tokenizer  # noqa: E402
from measure import cost_of  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from seqloom.annotate.codec import BOS, EOS, GENE, Codec, Step  # noqa: E402
from seqloom.annotate.examples import Example, Place, tokenized  # noqa: E402
from seqloom.annotate.grammar import Walk, Window  # noqa: E402
from seqloom.annotate.signals import Rules  # noqa: E402
from seqloom.encoders.tokenizers import load_tokenizer  # noqa: E402
from seqloom.genet5.baked import Baked, read_baked  # noqa: E402
from seqloom.genet5.batches import NO_BASE, PAD, WindowBatch, target_batch, window_batch  # noqa: E402
from seqloom.genet5.generation import Sampling, generate  # noqa: E402
from seqloom.genet5.initial import initial_model  # noqa: E402
from seqloom.genet5.loading import Batch, Batches  # noqa: E402
from seqloom.genet5.network import GeneT5  # noqa: E402
from seqloom.genet5.order import MicroBatch, Order, windows_of  # noqa: E402
from seqloom.genet5.schedule import adamw  # noqa: E402
from seqloom.genet5.sft import WindowLoss  # noqa: E402
from seqloom.genet5.shape import Shape  # noqa: E402

BUDGET = 8192  # tokens of a micro-batch
# How many steps a target may have, and how many windows the plain loop writes then.
LIMITS = {40: 16, 320: 3}
PEAK_SIZE = 1024


def arguments() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--windows", type=int, default=64)
    options.add_argument("--width", type=int, default=128)
    options.add_argument("--layers", type=int, default=3, help="of the encoder and the decoder")
    options.add_argument("--tokens", type=int, nargs="*", default=[1000, 4500], help="for memory")
    options.add_argument("--memory-of", nargs=2, help=argparse.SUPPRESS)
    return options


def main() -> None:
    args = arguments().parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if args.memory_of:
        train_on_one_window(args, int(args.memory_of[0]), recompute=args.memory_of[1] == "yes")
        return
    with tempfile.TemporaryDirectory() as folder:
        baked = read_baked(write_baked_run(Path(folder) / "run", 1, 2 * args.windows))
        speeds(baked, args)
    print("\n| tokens of a window | layers again | peak MB |\n| --- | --- | --- |")
    for tokens in args.tokens:
        for again in ("no", "yes"):
            sizes = ["--width", args.width, "--layers", args.layers]
            cost = cost_of(sys.executable, __file__, *sizes, "--memory-of", tokens, again)
            print(f"| {tokens:,} | {again} | {cost.megabytes:.0f} |")


def speeds(baked: Baked, args: argparse.Namespace) -> None:
    windows = windows_of(baked.shards([SPECIES])).some(args.windows)
    batches = Batches(windows, baked.codec, baked.rules)
    tokens = windows.sizes("tokens")
    network = new_network(baked.codec, args)
    peak = matmul_peak()

    [ours] = Order(tokens, 1, args.windows, BUDGET).step(1)
    drawn = Order(tokens, 1, args.windows, BUDGET).windows(1)
    each = max(1, BUDGET // int(tokens.max()))
    plain = [
        MicroBatch(1, tuple(drawn[first : first + each].tolist()))
        for first in range(0, len(drawn), each)
    ]
    with FlopCounterMode(display=False) as counter:
        training(network, batches, ours, fused=True)()
    operations = counter.get_total_flops()
    rows = {}
    rows["ours"] = seconds(training(network, batches, ours, fused=True))
    longest = int(windows.sizes("bases").max()), int(tokens.max())
    with attention_by_its_formula():
        rows["plain"] = seconds(training(network, batches, plain, fused=False, longest=longest))
    print(f"{len(windows)} windows, {tokens.sum():,} tokens; peak {peak / 1e9:.1f} GFLOP/s\n")
    print("| training | tokens/s | share of the peak |\n| --- | --- | --- |")
    for name, taken in rows.items():
        share = f"{operations / taken / peak:.0%}" if name == "ours" else ""
        print(f"| {name} | {tokens.sum() / taken:,.0f} | {share} |")
    print(f"| ours / plain | {rows['plain'] / rows['ours']:.1f} x | |")

    examples = [windows.read(number, baked.codec) for number in range(len(windows))]
    make_talkative(network.eval())
    print("\n| generation | steps/s | genes/s | plain: steps/s | genes/s | ours / plain | same |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for most, shortly in LIMITS.items():
        for sampling in (None, Sampling()):
            draw = torch.Generator().manual_seed(0)
            start = time.process_time()
            given = network, examples, baked.codec, baked.rules, sampling, draw
            written = [one.steps for one in generate(*given, most=most)]
            ours = of_a_second(written, start)
            start = time.process_time()
            with attention_by_its_formula():
                loop = [
                    plain_target(network, one, baked, sampling, draw, longest, most)
                    for one in examples[:shortly]
                ]
            theirs = of_a_second(loop, start)
            # Near the limit ours ends where it may.
            same = sum(a[:-1] == b[: len(a) - 1] for a, b in zip(written, loop, strict=False))
            print(
                f"| {'sampled' if sampling else 'likeliest'}, at most {most} steps"
                f" | {ours[0]:,.0f} | {ours[1]:,.0f} | {theirs[0]:,.0f} | {theirs[1]:,.1f}"
                f" | {ours[0] / theirs[0]:.1f} x | {'' if sampling else f'{same} of {shortly}'} |"
            )


def new_network(codec: Codec, args: argparse.Namespace) -> GeneT5:
    sizes = {"width": args.width, "heads": args.width // 32, "inner": 2 * args.width}
    sizes |= {"layers": args.layers, "decoder_layers": args.layers}
    return initial_model(Shape(codec.first_id, codec.biotypes, **sizes), 1)[0]


@torch.no_grad()
def make_talkative(network: GeneT5) -> None:
    """Let the first column of states be high, and <eos> alone be against it."""
    network.decoder.layer[-1].mlp.layernorm.bias[0] = 3
    first = network._target_embeddings[:, 0]
    first.zero_()
    first[network.shape.codec.tokens.index(EOS)] = -1


def training(
    network: GeneT5,
    batches: Batches,
    micro_batches: list[MicroBatch],
    fused: bool,
    longest: tuple[int, int] | None = None,
) -> Callable[[], None]:
    """A step of the optimizer, reading included; all windows padded to the longest if given."""
    optimizer = (
        adamw(network, 0.1) if fused else torch.optim.AdamW(network.parameters(), foreach=False)
    )
    loss = WindowLoss(network, 0.1, with_segments=True)

    def step() -> None:
        for micro in micro_batches:
            batch = batches[micro]
            if longest:
                batch = padded(batch, *longest)
            sums = loss(batch)
            (sums[0, 0] + sums[1, 0]).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def padded(batch: Batch, bases: int, tokens: int) -> Batch:
    """A batch whose windows are as long as the longest of all."""
    targets = batch.targets
    return replace(
        batch,
        windows=padded_windows(batch.windows, bases, tokens),
        targets=replace(targets, allowed_bases=wider(targets.allowed_bases, bases, False)),
        labels=wider(batch.labels, bases, 0),
    )


def padded_windows(windows: WindowBatch, bases: int, tokens: int) -> WindowBatch:
    return replace(
        windows,
        ids=wider(windows.ids, tokens, PAD),
        token_mask=wider(windows.token_mask, tokens, False),
        bases=wider(windows.bases, bases, NO_BASE),
        base_mask=wider(windows.base_mask, bases, False),
        open_codons=wider(windows.open_codons.transpose(1, 2), bases, 0).transpose(1, 2),
        token_of_base=wider(windows.token_of_base, bases, 0),
    )


def wider(values: Tensor, size: int, fill: int) -> Tensor:
    return F.pad(values, (0, size - values.shape[-1]), value=fill)


@contextmanager
def attention_by_its_formula() -> Iterator[None]:
    fused = F.scaled_dot_product_attention
    F.scaled_dot_product_attention = written_out_attention
    yield
    F.scaled_dot_product_attention = fused


def written_out_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor) -> Tensor:
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    if attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -math.inf)
    else:
        scores = scores + attn_mask
    return scores.softmax(dim=-1) @ value


@torch.inference_mode()
def plain_target(
    network: GeneT5,
    example: Example,
    baked: Baked,
    sampling: Sampling | None,
    draw: torch.Generator,
    longest: tuple[int, int],
    most: int,
) -> list[Step]:
    """The target of a window, all steps decoded again for each new one."""
    codec = baked.codec
    memory = network.encode(padded_windows(window_batch([example]), *longest))
    walk = Walk(Window(example.letters, example.place.genetic_code, baked.rules), codec.biotypes)
    walk.take(BOS)
    steps, tokens, positions = [BOS], [codec.tokens.index(BOS)], [-1]
    while not walk.is_done and len(steps) < most:
        states = network.decode(torch.tensor([tokens]), torch.tensor([positions]), memory)[:, -1:]
        at_base = walk.expects in ("start", "end")
        if at_base:
            logits = network.base_logits(states, memory)[0, 0, : len(example.letters)]
            allowed = walk.positions()
        else:
            logits = network.token_logits(states)[0, 0]
            allowed = np.isin(codec.tokens, list(walk.tokens()))
        logits = logits.masked_fill(~torch.from_numpy(allowed), -math.inf)
        chosen = int(drawn(logits, sampling, draw) if sampling else logits.argmax())
        tokens.append(-1 if at_base else chosen)
        positions.append(chosen if at_base else -1)
        steps.append(chosen + (walk.expects == "end") if at_base else codec.tokens[chosen])
        walk.take(steps[-1])
    return steps


def drawn(logits: Tensor, sampling: Sampling, draw: torch.Generator) -> Tensor:
    chances = (logits / sampling.temperature).softmax(0)
    chances, numbers = chances.topk(min(sampling.top_k, len(chances)))
    chances[chances.cumsum(0) - chances >= sampling.top_p] = 0
    return numbers[chances.multinomial(1, generator=draw)]


def of_a_second(targets: list[list[Step]], start: float) -> tuple[float, float]:
    """Steps and genes a second, of a list that took from `start` to now."""
    taken = time.process_time() - start
    steps, genes = sum(map(len, targets)), sum(one.count(GENE) for one in targets)
    return steps / taken, genes / taken


def seconds(work: Callable[[], None]) -> float:
    """Of the processor, the best of three after one to warm up."""
    work()
    times = []
    for _ in range(3):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def matmul_peak() -> float:
    """Operations a second of a product of matrices."""
    matrix = torch.randn(PEAK_SIZE, PEAK_SIZE)
    return 2 * PEAK_SIZE**3 / seconds(lambda: matrix @ matrix)


def train_on_one_window(args: argparse.Namespace, tokens: int, recompute: bool) -> None:
    """One step on a random window of about so many tokens."""
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = load_tokenizer(dnabert_tokenizer(Path(folder)))
    codec = Codec(("CDS",), tokenizer.get_vocab_size())
    letters = "".join(random.Random(0).choices("ACGT", k=6 * tokens))
    ends = tokenized(letters, tokenizer)[1]
    letters = letters[: int(ends[tokens - 2])]  # [CLS] is the first token
    example = Example(
        Place("s", "c", 0, len(letters), "train", 1), letters, *tokenized(letters, tokenizer), []
    )
    network = new_network(codec, args)
    network.recompute(recompute)
    optimizer = adamw(network, 0.1)
    labels = torch.zeros(1, len(letters), dtype=torch.int64)
    targets = target_batch([example], codec, Rules())
    batch = Batch(window_batch([example]), targets, labels, True)
    sums = WindowLoss(network, 0.1, with_segments=True)(batch)
    (sums[0, 0] + sums[1, 0]).backward()
    optimizer.step()


if __name__ == "__main__":
    main()
