"""Where in a window genes and introns may begin and end, on both strands.

Everything is seen from left to right: a gene on the reverse strand begins with a stop codon and
ends with a start codon, both read backwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from Bio.Data import CodonTable
from Bio.Seq import reverse_complement

# The first and the last two bases of introns that go together.
_INTRONS = (("GT", "AG"), ("GC", "AG"), ("AT", "AC"))
# Introns as short as this occur in annotations; a gap of one or two bases is a frameshift.
SHORTEST_INTRON = 4
CUT_OFFSETS = (0, 1, 2)  # a gene that is cut at its left may be in any frame


@dataclass(frozen=True)
class Rules:
    """What a coding gene must have; without any only the grammar holds."""

    splice_sites: bool = True  # introns are GT..AG, GC..AG or AT..AC
    codons: bool = True  # whole genes begin with a start codon and end with a stop codon
    frame: bool = True  # phases fit together, and no stop codon lies within an exon


class CodingStrand:
    """Where coding exons may begin and end on one strand of a window.

    An `offset` is the number of bases from the start of an exon to its first whole codon.
    """

    def __init__(self, letters: str, strand: str, genetic_code: int, rules: Rules) -> None:
        self.rules = rules
        self.reverse = strand == "-"
        self.length = len(letters)
        self.signals = signals(letters, strand, genetic_code)
        self._borders = self.signals.donors.any(0) if rules.splice_sites else _all(self.length + 1)
        self._borders[self.length] = True  # the exon, or its gene, goes on beyond the window
        self._borders_before = np.cumsum(self._borders)

    @cached_property
    def whole_starts(self) -> np.ndarray:
        """Where the first exon of a gene may begin."""
        opens = self.signals.opens if self.rules.codons else _all(self.length)
        return opens & self.has_end(self.whole_offsets)

    @cached_property
    def cut_starts(self) -> np.ndarray:
        """Where the first exon of a gene may begin that is cut at its left."""
        starts = _all(self.length)
        if self.rules.splice_sites:
            starts = self.signals.acceptors.any(0)[: self.length]
            starts[:1] = True
        return starts & self.has_end(CUT_OFFSETS)

    @cached_property
    def last_start(self) -> int:
        """The last place where a gene may begin; -1 if there is none."""
        return int(np.flatnonzero(self.whole_starts | self.cut_starts)[-1:].max(initial=-1))

    @property
    def whole_offsets(self) -> Sequence[int]:
        """The stop codon at the left of a reverse gene is not one within it."""
        return (3,) if self.reverse else (0,)

    def next_starts(self, end: int, offset: int) -> np.ndarray:
        """Where the exon after one with this end may begin."""
        starts = _all(self.length)
        starts[:end] = False
        if self.rules.splice_sites:
            kinds = self.signals.donors[:, end]
            starts &= self.signals.acceptors[kinds].any(0)[: self.length]
            starts[: end + SHORTEST_INTRON] = False
        return starts & self.has_end((offset,))

    def has_end(self, offsets: Sequence[int]) -> np.ndarray:
        """For each start whether an exon has an end, with one of these offsets."""
        starts = np.arange(self.length)
        if not self.rules.frame:
            return _all(self.length)
        found = np.zeros(self.length, bool)
        for offset in offsets:
            stop = self.signals.next_stop[offset:][: self.length]
            last = np.minimum(stop + 2, self.length)
            found |= self._borders_before[last] > self._borders_before[:-1]
            if not self.rules.codons:
                found |= starts + (offset or 3) <= last
            elif self.reverse:
                found |= self.signals.next_close[offset + 3 :][: self.length] <= last
            else:
                found |= stop < self.length
        return found

    def borders(self, start: int, offset: int) -> np.ndarray:
        """[L + 1] where the exon may end with more of its gene to follow."""
        found = self._borders.copy()
        found[: start + 1] = False
        if self.rules.frame:
            found[self.signals.next_stop[start + offset] + 3 :] = False
        return found

    def closes(self, start: int, offset: int) -> np.ndarray:
        """[L + 1] where the exon may end with its gene."""
        found = self.signals.closes.copy() if self.rules.codons else _all(self.length + 1)
        found[: start + 1] = False
        if self.rules.frame:
            codon = start + offset
            in_frame = np.zeros(self.length + 1, bool)
            last = self.signals.next_stop[codon] + (2 if self.reverse else 3)
            # A start or stop codon lies within the exon.
            first = codon + 3 if self.rules.codons else codon
            in_frame[first : last + 1 : 3] = True
            found &= in_frame
        return found


@dataclass(frozen=True)
class Signals:
    """Signals of a strand in a window of L bases; those of ends have L + 1 places."""

    opens: np.ndarray  # [L] a gene may begin here
    closes: np.ndarray  # [L + 1] a gene may end before this base
    donors: np.ndarray  # [3, L + 1] an intron of each kind may begin here
    acceptors: np.ndarray  # [3, L + 1] an intron of each kind may end before this base
    next_stop: np.ndarray  # [L + 6] the first stop codon from here on in steps of 3; L: none
    next_close: np.ndarray  # [L + 7] the first end of a gene in the same way; L + 1: none


def signals(letters: str, strand: str, genetic_code: int) -> Signals:
    length = len(letters)
    starts, stops = start_and_stop_codons(genetic_code)
    introns = _INTRONS
    first, last = starts, stops
    if strand == "-":
        starts, stops = (frozenset(map(reverse_complement, codons)) for codons in (starts, stops))
        first, last = stops, starts
        introns = tuple(
            (reverse_complement(right), reverse_complement(left)) for left, right in introns
        )
    codes = np.frombuffer(letters.encode(), np.uint8)
    closes = np.append(np.zeros(3, bool), _places(codes, last))[: length + 1]
    donors = [np.append(_places(codes, {left}), False) for left, _ in introns]
    acceptors = [
        np.append([False] * 2, _places(codes, {right}))[: length + 1] for _, right in introns
    ]
    return Signals(
        _places(codes, first),
        closes,
        np.array(donors),
        np.array(acceptors),
        _next_in_frame(_places(codes, stops), none=length),
        _next_in_frame(closes, none=length + 1),
    )


@cache
def start_and_stop_codons(genetic_code: int) -> tuple[frozenset[str], frozenset[str]]:
    table = CodonTable.unambiguous_dna_by_id[genetic_code]
    return frozenset(table.start_codons), frozenset(table.stop_codons)


def _all(count: int) -> np.ndarray:
    return np.ones(count, bool)


def _places(codes: np.ndarray, words: set[str] | frozenset[str]) -> np.ndarray:
    """Whether one of the words, all of one length, begins at each base."""
    found = np.zeros(len(codes), bool)
    for word in words:
        hits = np.ones(max(len(codes) - len(word) + 1, 0), bool)
        for shift, letter in enumerate(word.encode()):
            hits &= codes[shift : shift + len(hits)] == letter
        found[: len(hits)] |= hits
    return found


def _next_in_frame(places: np.ndarray, none: int) -> np.ndarray:
    """For each position the first true place from there on in steps of 3, or `none`."""
    count = -(-(len(places) + 6) // 3) * 3
    numbers = np.full(count, none)
    numbers[: len(places)][places] = np.flatnonzero(places)
    in_frames = np.minimum.accumulate(numbers.reshape(-1, 3)[::-1], axis=0)[::-1]
    return in_frames.reshape(-1)[: len(places) + 6]
