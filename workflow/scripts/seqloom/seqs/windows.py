"""Where windows start, and the windows of a genome, read in batches."""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pyfaidx import Faidx

_BATCH_BASES = 1 << 20

Wanted = Iterable[tuple[int, np.ndarray]]  # the position of a contig and 0-based window numbers


@dataclass(frozen=True)
class Cut:
    """A way to turn contigs into frames."""

    window: int
    scheme: str
    frames: str
    max_ambiguous: float


@dataclass(frozen=True)
class Batch:
    """Windows in order, and the bases that hold them; windows of one contig may overlap there."""

    bases: bytes
    offset: np.ndarray  # where the window begins in `bases`
    contig: np.ndarray  # position of its contig in the plan
    number: np.ndarray  # 0-based
    start: np.ndarray  # on the contig
    end: np.ndarray


def add_cut_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--window", type=int, default=300, help="window length in bases")
    parser.add_argument("--scheme", choices=("even", "virnucpro"), default="even")
    parser.add_argument("--frames", choices=("open", "virnucpro"), default="open")
    parser.add_argument("--max-ambiguous", type=float, default=0.1, help="highest share of X")
    parser.add_argument("--genetic-code", type=int, default=11, help="number of the NCBI table")


def cut_of(args: argparse.Namespace) -> Cut:
    return Cut(args.window, args.scheme, args.frames, args.max_ambiguous)


def count_windows(length: int | np.ndarray, size: int) -> int | np.ndarray:
    """As few as cover the contig; the same in both schemes."""
    return -(-length // size)


def window_bounds(
    length: int, numbers: np.ndarray, size: int, scheme: str
) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of the windows with these 0-based numbers on a contig of this length."""
    count = count_windows(length, size)
    if scheme == "even":
        # The first begins at 0, the last ends with the contig; one window alone may be short.
        starts = numbers * max(length - size, 0) // max(count - 1, 1)
    else:
        surplus = count * size - length
        overlap = surplus // count
        wider = surplus - overlap * (count - 1)  # so many joints overlap by one more
        starts = numbers * (size - overlap) - np.minimum(numbers, wider)
    return starts, np.minimum(starts + size, length)


def read_windows(
    genome: Faidx,
    contigs: Sequence[tuple[str, int]],
    wanted: Wanted,
    cut: Cut,
) -> Iterator[Batch]:
    """The wanted windows of `contigs` (name, length), in batches of about a million bases."""
    parts: list[Batch] = []
    size = 0
    for contig, numbers in _stretches(wanted, max(1, _BATCH_BASES // cut.window)):
        name, length = contigs[contig]
        start, end = window_bounds(length, numbers, cut.window, cut.scheme)
        bases = genome.fetch(name, int(start[0]) + 1, int(end[-1])).encode()
        offset = start - start[0] + size
        parts.append(Batch(bases, offset, np.full(len(numbers), contig), numbers, start, end))
        size += len(bases)
        if size >= _BATCH_BASES:
            yield _joined(parts)
            parts, size = [], 0
    if parts:
        yield _joined(parts)


def _stretches(wanted: Wanted, most: int) -> Iterator[tuple[int, np.ndarray]]:
    """Cut the numbers of a contig so that no region is long, however far apart they are."""
    for contig, numbers in wanted:
        for part in np.split(numbers, np.flatnonzero(np.diff(numbers // most)) + 1):
            yield contig, part


def _joined(parts: Sequence[Batch]) -> Batch:
    bases = b"".join(part.bases for part in parts)
    columns = ("offset", "contig", "number", "start", "end")
    return Batch(bases, *(np.concatenate([getattr(p, c) for p in parts]) for c in columns))
