"""The best genes of a window by log-probabilities of the labels of its bases.

The search goes once from left to right, over the places where an exon may begin or end. For each
strand and reading frame it keeps the best exon that is open, for each strand, phase and kind of
intron the best intron, and the best way to be between genes. All sums are relative to intergenic.
A class of frames is the place modulo 3 of the leftmost base of codons.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from seqloom.annotate.codec import Piece, place
from seqloom.annotate.grammar import Window
from seqloom.annotate.signals import SHORTEST_INTRON, CodingStrand
from seqloom.seqs.genes import Exon

LONGEST_OVERLAP = 60  # bases that two neighboring genes may share
_A_GENE = 1e-6  # costs of a gene, so that of equal paths that with fewer genes is the best
_WORST = float("-inf")


class _Closed(NamedTuple):
    """The end of a gene: its last exon, and what else is known of it."""

    last: "_ExonEnd"
    strand: str
    cut_right: bool


class _Opened(NamedTuple):
    before: _Closed | None
    cut_left: bool


class _ExonStart(NamedTuple):
    before: "_Opened | _ExonEnd"
    start: int
    codons: int  # class of frames


class _ExonEnd(NamedTuple):
    before: _ExonStart
    end: int


class _Open(NamedTuple):
    """The best exon of a class that is open: its sum less that of the class up to its start."""

    score: float = _WORST
    node: _ExonStart | None = None


_NOTHING = _Open()


def best_path(log_probabilities: np.ndarray, window: Window) -> list[Piece]:
    """The genes with the greatest sum of log-probabilities [L, labels] that the rules allow."""
    relative = np.asarray(log_probabilities, np.float64)
    relative = relative[:, 1:] - relative[:, :1]
    strands = [
        _Strand(window.strands[name], name, relative[:, first : first + 6])
        for name, first in (("+", 0), ("-", 6))
    ]
    return sorted(_pieces(_last_gene(strands, window.length)), key=place)


def _last_gene(strands: Sequence["_Strand"], length: int) -> _Closed | None:
    outside, gene = 0.0, None
    forward, reverse = strands
    places = np.flatnonzero(forward.is_place | reverse.is_place)
    for at in places.tolist():
        for strand in strands:
            strand.end_frames(at)
        closed_here = [end for strand in strands for end in strand.closes(at)]
        outside, gene = max([(outside, gene), *closed_here], key=_score)
        for strand in strands:
            strand.leave_exons(at)
        for strand in strands:
            strand.enter_exons(at)
            strand.open(at, outside, gene)
        for score, closed in closed_here:
            reverse.open_under(score, closed, at)
    ends = [(outside, gene), *(end for strand in strands for end in strand.cut_ends(length))]
    return max(ends, key=_score)[1]


class _Strand:
    def __init__(self, strand: CodingStrand, name: str, relative: np.ndarray) -> None:
        signals, rules = strand.signals, strand.rules
        self.name, self.reverse, self.rules = name, strand.reverse, rules
        length = strand.length
        everywhere, here = np.ones(length + 1, bool), np.arange(length)
        self.next_stop = signals.next_stop.tolist()
        stops = signals.next_stop[:length] == here if rules.frame else np.zeros(length, bool)
        opens = np.append(signals.opens if rules.codons else ~stops | self.reverse, False)
        closes = signals.closes if rules.codons else everywhere
        if rules.splice_sites:
            donors, acceptors = signals.donors, signals.acceptors
        else:
            donors = acceptors = everywhere[None]
        self.least_intron = SHORTEST_INTRON if rules.splice_sites else 1
        ends_of_stops = np.append(False, stops)  # one base further, so that exons there stay open
        late = np.append(False, opens[:-1]) if self.reverse else opens
        self.is_place = ends_of_stops | closes | opens | late | donors.any(0) | acceptors.any(0)
        self._stops, self._opens = ends_of_stops.tolist(), opens.tolist()
        self._closes = closes.tolist()
        self._donors, self._acceptors = _kinds(donors), _kinds(acceptors)

        numbers = here[:, None] - np.arange(3)  # by class: place in the codon, from the left
        frames = (2 - numbers if self.reverse else numbers) % 3
        self.exons = _sums(np.take_along_axis(relative[:, :3], frames, axis=1))
        self.introns = _sums(relative[:, 3:])

        cut = _Opened(None, cut_left=True)
        self.running = [_Open(0.0, _ExonStart(cut, 0, codons)) for codons in range(3)]
        self.dying = [_NOTHING] * 3  # exons that have reached a stop codon
        self.last_stop = [-9] * 3
        kinds = range(len(donors))
        self.waiting = [[deque() for _ in range(3)] for _ in kinds]  # introns that are too short
        self.best_introns = [[(0.0, cut)] * 3 for _ in kinds]
        self.late: tuple[float, _Closed | None] | None = None

    def end_frames(self, at: int) -> None:
        """A stop codon that begins one base before ends the open exons of its frame."""
        if self._stops[at]:
            codons = (at - 1) % 3
            self.dying[codons], self.running[codons] = self.running[codons], _NOTHING
            self.last_stop[codons] = at - 1
        if self.late:
            # The stop codon of a reverse gene, the one at its left, does not end it.
            outside, gene = self.late
            self._begin(_Opened(gene, cut_left=False), at - 1, (at - 1) % 3, outside)
            self.late = None

    def closes(self, at: int) -> Iterator[tuple[float, _Closed]]:
        if not self._closes[at]:
            return
        codons = at % 3
        is_stop = self.last_stop[codons] == at - 3 and not self.reverse
        score, node = (self.dying if is_stop else self.running)[codons]
        if node and self._first_codon(node) <= at - 3 * self.rules.codons:
            closed = _Closed(_ExonEnd(node, at), self.name, cut_right=False)
            yield score + self.exons[codons][at] - _A_GENE, closed

    def _first_codon(self, node: _ExonStart) -> int:
        is_whole = isinstance(node.before, _Opened) and not node.before.cut_left
        codon = node.start + (node.codons - node.start) % 3
        return codon + 3 if self.reverse and is_whole else codon

    def leave_exons(self, at: int) -> None:
        kinds = self._donors[at]
        if not kinds:
            return
        for codons, score, node in self._open_exons(at):
            read = self._bases_read(at, codons)
            score -= self.introns[read][at]
            end = _ExonEnd(node, at)
            for kind in kinds:
                self.waiting[kind][read].append((at, score, end))

    def _open_exons(self, at: int) -> Iterator[tuple[int, float, _ExonStart]]:
        """Exons that may be left here: their class, sum and start."""
        for codons in range(3):
            score, node = self.running[codons]
            if at <= self.last_stop[codons] + 2:
                score, node = max(self.dying[codons], (score, node), key=_score)
            if node and node.start < at:
                yield codons, score + self.exons[codons][at], node

    def _bases_read(self, at: int, codons: int) -> int:
        return (codons - at if self.reverse else at - codons) % 3

    def enter_exons(self, at: int) -> None:
        kinds = self._acceptors[at]
        if not kinds:
            return
        for read in range(3):
            score, node = max((self._intron(kind, read, at) for kind in kinds), key=_score)
            codons = (at + read if self.reverse else at - read) % 3
            self._begin(node, at, codons, score + self.introns[read][at])

    def _intron(self, kind: int, read: int, at: int) -> tuple[float, _Opened | _ExonEnd]:
        """The best intron that may end here."""
        waiting, best = self.waiting[kind][read], self.best_introns[kind][read]
        while waiting and waiting[0][0] <= at - self.least_intron:
            best = max(best, waiting.popleft()[1:], key=_score)
        self.best_introns[kind][read] = best
        return best

    def open(self, at: int, outside: float, gene: _Closed | None) -> None:
        """Begin a gene after the best one before, or within its end."""
        if not self._opens[at]:
            return
        if self.reverse:
            self.late = outside, gene
            return
        self._begin(_Opened(gene, cut_left=False), at, at % 3, outside)
        if not (self.rules.codons and self.rules.frame):
            return
        for codons in {0, 1, 2} - {at % 3}:
            first = at - 2 + (codons - at + 2) % 3
            stop = self.next_stop[first] if first >= 0 else len(self.next_stop)
            score, node = (self.dying if stop < at else self.running)[codons]
            end = stop + 3
            is_near = at < end <= min(at + LONGEST_OVERLAP, len(self._closes) - 1)
            if node and is_near and self._first_codon(node) <= stop:
                closed = _Closed(_ExonEnd(node, end), self.name, cut_right=False)
                before = score + self.exons[codons][at]
                self._begin(_Opened(closed, cut_left=False), at, at % 3, before)

    def open_under(self, score: float, closed: _Closed, at: int) -> None:
        """Begin reverse genes whose stop codon lies in the gene that ends here."""
        if not (self.rules.codons and self.rules.frame):
            return
        start = closed.last.before.start
        for codons, stop in enumerate(self.last_stop):
            is_other = self.name != closed.strand or codons != at % 3
            if is_other and max(start, at - LONGEST_OVERLAP - 1) < stop:
                self._begin(_Opened(closed, cut_left=False), stop, codons, score, counted_from=at)

    def _begin(
        self,
        before: _Opened | _ExonEnd,
        start: int,
        codons: int,
        score: float,
        counted_from: int | None = None,
    ) -> None:
        """Keep an exon if it is the best of its class."""
        score -= self.exons[codons][start if counted_from is None else counted_from]
        if score > self.running[codons].score:
            self.running[codons] = _Open(score, _ExonStart(before, start, codons))

    def cut_ends(self, length: int) -> Iterator[tuple[float, _Closed | None]]:
        """Genes that go on beyond the right edge, in an exon or in an intron."""
        for _, score, node in self._open_exons(length):
            yield score, _Closed(_ExonEnd(node, length), self.name, cut_right=True)
        for waiting, best in zip(self.waiting, self.best_introns, strict=True):
            for read in range(3):
                rest = ((score, node) for _, score, node in waiting[read])
                for score, node in (best[read], *rest):
                    is_seen = isinstance(node, _ExonEnd)  # else the window lies in one intron
                    closed = _Closed(node, self.name, cut_right=True) if is_seen else None
                    yield score + self.introns[read][length], closed


def _score(scored: tuple) -> float:
    return scored[0]


def _kinds(places: np.ndarray) -> list[tuple[int, ...]]:
    """The kinds of introns at each place."""
    sets = [tuple(kind for kind in range(3) if number >> kind & 1) for number in range(8)]
    numbers = sum(of_kind.astype(int) << kind for kind, of_kind in enumerate(places))
    return [sets[number] for number in numbers.tolist()]


def _sums(scores: np.ndarray) -> list[list[float]]:
    """By column: the sum before each place."""
    return np.concatenate([np.zeros((1, 3)), np.cumsum(scores, axis=0)]).T.tolist()


def _pieces(gene: _Closed | None) -> Iterator[Piece]:
    """The genes of a path, from the last one to the first."""
    while gene:
        exons, node = [], gene.last
        while isinstance(node, _ExonEnd):
            (before, start, codons), end = node
            phase = (end - codons if gene.strand == "-" else codons - start) % 3
            exons.append(Exon(start, end, phase))
            node = before
        yield Piece(gene.strand, "CDS", tuple(exons[::-1]), node.cut_left, gene.cut_right)
        gene = node.before
