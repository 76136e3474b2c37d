"""Window positions, and the windows of a genome in batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seqloom.config.cut import Cut
from seqloom.seqs.genome import Genome

_BATCH_BASES = 1 << 20


@dataclass(frozen=True)
class Layout:
    """The windows of all contigs, numbered consecutively."""

    names: list[str]
    lengths: np.ndarray
    ends: np.ndarray  # number of windows up to and including each contig

    @cached_property
    def begins(self) -> np.ndarray:
        return np.append(0, self.ends[:-1])

    @property
    def counts(self) -> np.ndarray:
        return self.ends - self.begins

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def locate(self, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The contig of each window and its 0-based number there."""
        contig = np.searchsorted(self.ends, windows, side="right")
        return contig, windows - self.begins[contig]


@dataclass(frozen=True)
class Batch:
    """Windows in order, with the bases that contain them; windows of a contig may overlap."""

    bases: bytes
    offset: np.ndarray  # where each window begins in `bases`
    window: np.ndarray  # its number in the layout
    contig: np.ndarray  # its contig in the layout
    number: np.ndarray  # its 0-based number on the contig
    start: np.ndarray  # on the contig
    end: np.ndarray


def window_layout(genome: Genome, window: int | None) -> Layout:
    """The windows of a genome by length; with None every contig is one window."""
    lengths = genome.lengths
    counts = count_windows(lengths, window) if window else np.minimum(lengths, 1)
    return Layout(genome.names, lengths, np.cumsum(counts))


def count_windows(length: int | np.ndarray, size: int) -> int | np.ndarray:
    """The smallest number that covers the contig, the same in both schemes."""
    return -(-length // size)


def window_bounds(
    length: int | np.ndarray, numbers: np.ndarray, size: int, scheme: str
) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of the windows with these 0-based numbers on contigs of these lengths."""
    count = count_windows(length, size)
    if scheme == "even":
        # The first begins at 0 and the last ends with the contig; a single one may be short.
        starts = numbers * np.maximum(length - size, 0) // np.maximum(count - 1, 1)
    else:
        surplus = count * size - length
        overlap = surplus // count
        wider = surplus - overlap * (count - 1)  # number of overlaps that are one base longer
        starts = numbers * (size - overlap) - np.minimum(numbers, wider)
    return starts, np.minimum(starts + size, length)


def read_windows(
    genome: Genome, layout: Layout, cut: Cut, wanted: Sequence[int] | np.ndarray
) -> Iterator[Batch]:
    """The wanted windows, in order, in batches of about a million bases."""
    most = max(1, _BATCH_BASES // cut.window)
    for first in range(0, len(wanted), most):
        windows = np.asarray(wanted[first : first + most])
        contig, number = layout.locate(windows)
        start, end = window_bounds(layout.lengths[contig], number, cut.window, cut.scheme)
        # Adjacent windows of a contig are read together.
        apart = (np.diff(contig) != 0) | (start[1:] > end[:-1])
        begins = np.flatnonzero(np.append(True, apart))
        lasts = np.append(begins[1:], len(windows)) - 1
        bases = genome.fetch(contig[begins], start[begins], end[lasts])
        sizes = end[lasts] - start[begins]
        shift = np.repeat(np.cumsum(sizes) - sizes - start[begins], lasts - begins + 1)
        yield Batch(bases, start + shift, windows, contig, number, start, end)


def has_ambiguous_base(batch: Batch) -> np.ndarray:
    """Which windows contain a letter other than A, C, G or T."""
    letters = np.frombuffer(batch.bases, np.uint8)
    ambiguous = np.flatnonzero(~np.isin(letters, list(b"ACGT")))
    first, last = batch.offset, batch.offset + batch.end - batch.start
    return np.searchsorted(ambiguous, first) < np.searchsorted(ambiguous, last)
