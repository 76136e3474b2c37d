"""Genes as annotations give them: transcripts made of exons."""

import gc
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple


class Exon(NamedTuple):
    """A stretch of a transcript: 0-based, half-open, on the forward strand.

    Of coding transcripts only what is translated counts: these are the segments of the CDS. `phase`
    is the number of bases before the first whole codon in the direction of reading; None if the
    transcript is not translated.
    """

    start: int
    end: int
    phase: int | None

    @property
    def bases(self) -> int:
        return self.end - self.start

    def shifted(self, bases: int) -> "Exon":
        return Exon(self.start + bases, self.end + bases, self.phase)


@dataclass(frozen=True)
class Transcript:
    """One way to read a gene."""

    name: str
    exons: tuple[Exon, ...]  # in the order of the genome, on both strands

    @property
    def start(self) -> int:
        return self.exons[0].start

    @property
    def end(self) -> int:
        return self.exons[-1].end


@dataclass(frozen=True)
class Gene:
    """A gene and its transcripts, the canonical one first."""

    name: str
    contig: str
    strand: str  # + or -
    biotype: str  # "CDS" if it is translated, else the type of its transcript, such as "tRNA"
    transcripts: tuple[Transcript, ...]
    genetic_code: int | None = None  # where the annotation names one
    partial_left: bool = False  # the annotation says that it goes on beyond its first base
    partial_right: bool = False

    @property
    def canonical(self) -> Transcript:
        return self.transcripts[0]

    @property
    def start(self) -> int:
        return min(transcript.start for transcript in self.transcripts)

    @property
    def end(self) -> int:
        return max(transcript.end for transcript in self.transcripts)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Make millions of objects that stay without searches for garbage, which would take long."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class ContigGenes:
    """The genes of a contig by place."""

    def __init__(self, genes: Iterable[Gene]) -> None:
        self._genes = sorted(genes, key=lambda gene: gene.start)
        self._starts = [gene.start for gene in self._genes]
        self._longest = max((gene.end - gene.start for gene in self._genes), default=0)

    def overlapping(self, start: int, end: int) -> list[Gene]:
        """Genes with a base in a stretch, by their first base, nested ones too."""
        first = bisect_left(self._starts, start - self._longest)
        last = bisect_left(self._starts, end)
        return [gene for gene in self._genes[first:last] if gene.end > start]
