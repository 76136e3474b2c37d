"""A coding sequence (CDS), its segments and their phases, as annotation readers give them."""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple, TextIO

from seqloom.errors import InputError
from seqloom.seqs.reading import DAMAGED, open_packed


class Segment(NamedTuple):
    """A segment of a CDS, such as an exon: 0-based, half-open, on the forward strand."""

    start: int
    end: int
    strand: str
    phase: int | None
    line: int | None = None

    @property
    def is_clear(self) -> bool:
        return self.phase is not None and self.strand in ("+", "-")


@dataclass(frozen=True)
class Annotated:
    """What a file places on a contig."""

    path: str
    names: tuple[str, ...]  # names of the contig in the file, the best first

    def where(self, segment: Segment) -> str:
        place = f" line {segment.line}" if segment.line else f', record "{self.names[0]}"'
        return self.path + place


@dataclass(frozen=True)
class Cds(Annotated):
    """A coding sequence as a file gives it."""

    segments: Sequence[Segment]
    code: str | None  # number of the genetic code
    circular: bool = False
    translation: str | None = None


def phases_of(lengths: Iterable[int], first: int) -> list[int]:
    """Phases of consecutive stretches, of which the first has the phase `first`."""
    return [(first - read) % 3 for read in accumulate(lengths, initial=0)][:-1]


def cut_at_origin(segment: Segment, length: int) -> list[Segment]:
    """The stretches of a segment between passes of the origin of a circle, in the order of reading.

    Their coordinates still go on beyond the length of the circle.
    """
    if segment.end <= length:
        return [segment]
    first = (segment.start // length + 1) * length
    bounds = list(pairwise([segment.start, *range(first, segment.end, length), segment.end]))
    if segment.strand == "-":
        bounds.reverse()
    lengths = [end - start for start, end in bounds]
    known = segment.phase is not None
    phases = phases_of(lengths, segment.phase) if known else [None] * len(lengths)
    return [
        segment._replace(start=start, end=end, phase=phase)
        for (start, end), phase in zip(bounds, phases, strict=True)
    ]


@contextmanager
def opened(path: str) -> Iterator[TextIO]:
    """Open a text file of any compression."""
    try:
        with open_packed(path) as file:
            yield io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace")
    except DAMAGED as error:
        raise InputError(
            f"{path}: reading fails ({error}); is it cut short? copy it again"
        ) from None
