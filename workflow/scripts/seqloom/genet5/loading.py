"""Micro-batches read from shards, perhaps by processes that work ahead."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from seqloom.annotate.codec import Codec
from seqloom.annotate.examples import Example
from seqloom.annotate.signals import Rules
from seqloom.genet5.augment import is_turned, reverse_complement
from seqloom.genet5.batches import TargetBatch, WindowBatch, target_batch, window_batch
from seqloom.genet5.order import MicroBatch, Windows
from seqloom.genet5.segment import labels

_NO_LABEL = 0  # of padding, which no loss reads


@dataclass(frozen=True)
class Batch:
    """What a rank reads at once."""

    windows: WindowBatch
    targets: TargetBatch
    labels: Tensor  # int64 [B, L] of bases
    counts: bool  # else it only keeps the rank in step with others

    def to(self, device: torch.device) -> "Batch":
        moved = (part.to(device) for part in (self.windows, self.targets, self.labels))
        return Batch(*moved, self.counts)


@dataclass(frozen=True)
class Batches(Dataset):
    """Windows as batches; with a tokenizer, half of them are read from the other strand."""

    windows: Windows
    codec: Codec
    rules: Rules
    tokenizer: Tokenizer | None = None
    seed: int = 0

    def some(self, count: int) -> "Batches":
        """At most so many of the windows."""
        return replace(self, windows=self.windows.some(count))

    def examples(self, micro: MicroBatch) -> list[Example]:
        return [self._example(micro.epoch, number) for number in micro.windows]

    def __getitem__(self, micro: MicroBatch) -> Batch:
        examples = self.examples(micro)
        return Batch(
            window_batch(examples),
            target_batch(examples, self.codec, self.rules),
            _labels(examples),
            micro.counts,
        )

    def read(self, micros: Iterable[MicroBatch], workers: int) -> Iterator[Batch]:
        """The batches in order; what is in them does not depend on the number of processes."""
        # Its own generator: the loader would draw from the global one.
        generator = torch.Generator().manual_seed(0)
        options = {"batch_size": None, "num_workers": workers, "generator": generator}
        return iter(DataLoader(self, sampler=micros, **options))

    def _example(self, epoch: int, number: int) -> Example:
        example = self.windows.read(number, self.codec)
        if self.tokenizer and is_turned(self.seed, epoch, number):
            return reverse_complement(example, self.tokenizer)
        return example


def _labels(examples: Sequence[Example]) -> Tensor:
    padded = np.full((len(examples), max(len(e.letters) for e in examples)), _NO_LABEL)
    for row, example in zip(padded, examples, strict=True):
        row[: len(example.letters)] = labels(example.pieces, len(example.letters))
    return torch.from_numpy(padded)
