"""What the readers of annotations share: a coding sequence (CDS), its parts and their phases."""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple, TextIO

from seqloom.errors import InputError
from seqloom.seqs.reading import DAMAGED, open_packed


class Part(NamedTuple):
    start: int
    end: int
    strand: str
    phase: int | None
    line: int | None = None

    @property
    def is_clear(self) -> bool:
        return self.phase is not None and self.strand in ("+", "-")


@dataclass(frozen=True)
class Cds:
    path: str
    names: tuple[str, ...]  # what the file calls the contig, the best name first
    parts: Sequence[Part]
    code: str | None  # number of the genetic code
    circular: bool = False
    translation: str | None = None

    def where(self, part: Part) -> str:
        place = f" line {part.line}" if part.line else f', record "{self.names[0]}"'
        return self.path + place


def phases_of(lengths: Iterable[int], first: int) -> list[int]:
    """Phases of stretches that are read one after the other, the first of them with this phase."""
    return [(first - read) % 3 for read in accumulate(lengths, initial=0)][:-1]


@contextmanager
def opened(path: str) -> Iterator[TextIO]:
    """The text of a file, whatever the compression."""
    try:
        with open_packed(path) as file:
            yield io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace")
    except DAMAGED as error:
        raise InputError(
            f"{path}: reading fails ({error}); is it cut short? copy it again"
        ) from None
