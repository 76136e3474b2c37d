"""Which windows are in which batch: shuffled by a seed, in steps of equal size, shared by ranks.

A step is what the optimizer sees at once: `batch` windows, whatever the number of ranks. Each rank
reads its share in micro-batches that fit a budget of tokens, padding included.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from seqloom.annotate.codec import Codec
from seqloom.annotate.examples import Example, Span, example_spans, read_example
from seqloom.errors import InputError
from seqloom.genet5.baked import Baked


@dataclass(frozen=True)
class Windows:
    """The windows of shards by number: 44 bytes each, for all else stays on the disk."""

    shards: Sequence[Path]
    shard: np.ndarray  # the number of that of each window
    spans: np.ndarray  # [windows, 5] the fields of Span

    def __len__(self) -> int:
        return len(self.spans)

    def read(self, number: int, codec: Codec) -> Example:
        span = Span(*self.spans[number].tolist())
        return read_example(self.shards[self.shard[number]], span.begin, span.end, codec)

    def sizes(self, field: str) -> np.ndarray:
        """`bases`, `tokens` or `steps` of each window."""
        return self.spans[:, Span._fields.index(field)]

    @property
    def largest(self) -> tuple[int, int, int]:
        """The most bases, tokens and steps that a window has."""
        return tuple(int(self.sizes(field).max()) for field in ("bases", "tokens", "steps"))

    def some(self, count: int) -> "Windows":
        """At most so many of these windows, evenly spread."""
        chosen = np.linspace(0, len(self) - 1, min(count, len(self))).astype(int)
        return Windows(self.shards, self.shard[chosen], self.spans[chosen])


def windows_of_parts(baked: Baked, species: Sequence[str]) -> tuple[Windows, Windows]:
    """Those of the species for training, and those for validation of all species of the run."""
    training, validation = baked.shards(species), baked.shards(baked.species, "validation")
    for part, shards in (("training", training), ("validation", validation)):
        if not shards:
            raise InputError(
                f"{baked.folder}: no windows for {part}; change what the config holds out, and "
                "bake again"
            )
    return windows_of(training), windows_of(validation)


def windows_of(shards: Sequence[Path]) -> Windows:
    """The windows of shards, in order; of the tar files only the headers are read."""
    spans = [np.array(list(example_spans(path)), np.int64).reshape(-1, 5) for path in shards]
    owners = np.repeat(np.arange(len(shards), dtype=np.int32), [len(own) for own in spans])
    return Windows(tuple(shards), owners, np.concatenate(spans))


@dataclass(frozen=True)
class MicroBatch:
    """Numbers of the windows that a rank reads at once; some only keep it in step with others."""

    epoch: int  # from 1 on
    windows: tuple[int, ...]
    counts: bool = True


@dataclass(frozen=True)
class Order:
    """The steps of a training; the same seed gives the same windows to the same steps."""

    tokens: np.ndarray  # of each window
    seed: int
    batch: int  # windows a step
    budget: int  # tokens of a micro-batch; a longer window is alone in one
    ranks: int = 1

    @property
    def steps_per_epoch(self) -> int:
        return -(-len(self.tokens) // self.batch)

    def epoch_of(self, step: int) -> int:
        """The epoch of a step; both count from 1 on."""
        return (step - 1) // self.steps_per_epoch + 1

    def windows(self, step: int) -> np.ndarray:
        """The windows of a step; the last step of an epoch may have fewer."""
        epoch = self.epoch_of(step)
        first = (step - 1) % self.steps_per_epoch * self.batch
        return self._shuffled(epoch)[first : first + self.batch]

    def step(self, step: int) -> list[list[MicroBatch]]:
        """The micro-batches of each rank, as many for one as for another."""
        epoch, windows = self.epoch_of(step), self.windows(step)
        by_length = windows[np.argsort(-self.tokens[windows], kind="stable")]
        shares = [list(self._micro(by_length[rank :: self.ranks])) for rank in range(self.ranks)]
        most = max(map(len, shares))
        shortest = MicroBatch(epoch, (int(by_length[-1]),), counts=False)
        return [
            [MicroBatch(epoch, own) for own in share] + [shortest] * (most - len(share))
            for share in shares
        ]

    def token_count(self, first: int, last: int) -> int:
        """The tokens of the windows of these steps, without padding."""
        return sum(int(self.tokens[self.windows(step)].sum()) for step in range(first, last + 1))

    def _micro(self, windows: np.ndarray) -> Iterator[tuple[int, ...]]:
        """The longest windows come first, so each micro-batch is as long as its first window."""
        start = 0
        while start < len(windows):
            count = max(1, self.budget // int(self.tokens[windows[start]]))
            yield tuple(windows[start : start + count].tolist())
            start += count

    def _shuffled(self, epoch: int) -> np.ndarray:
        if epoch not in self._last:
            self._last.clear()
            shuffle = np.random.default_rng([self.seed, epoch])
            self._last[epoch] = shuffle.permutation(len(self.tokens))
        return self._last[epoch]

    @cached_property
    def _last(self) -> dict[int, np.ndarray]:
        """The order of one epoch, which many steps ask for."""
        return {}
