"""Which steps may follow in a target: the grammar, and what is known of coding genes, as masks.

Masks of positions are over the bases pointed at: the first and the last base of an exon. The steps
of a target have the end of an exon, which is one more.
"""

from collections.abc import Sequence

import numpy as np

from seqloom.annotate.codec import (
    BOS,
    CUT_LEFT,
    CUT_RIGHT,
    EOS,
    EXON,
    GENE,
    PHASES,
    STRANDS,
    Step,
    biotype_token,
)
from seqloom.annotate.signals import CUT_OFFSETS, CodingStrand, Rules

CODING = biotype_token("CDS")
_PHASE_OF = {token: phase for phase, token in PHASES.items()}
_STRAND_OF = {token: strand for strand, token in STRANDS.items()}


class Window:
    """The two strands of a window and the rules that its coding genes follow."""

    def __init__(self, letters: str, genetic_code: int, rules: Rules) -> None:
        self.length = len(letters)
        self.rules = rules
        self.strands = {name: CodingStrand(letters, name, genetic_code, rules) for name in STRANDS}


class Walk:
    """A target under way: what may follow, and going on by a step."""

    def __init__(self, window: Window, biotypes: Sequence[str]) -> None:
        self.window = window
        self._biotypes = {biotype_token(biotype) for biotype in biotypes}
        self.expects = "begin"  # what comes next
        self._first_start = 0  # genes are ordered by their first base
        self._begin_gene()

    @property
    def is_done(self) -> bool:
        return self.expects == "nothing"

    def tokens(self) -> set[str]:
        """The tokens that may follow; none where a position does."""
        match self.expects:
            case "begin":
                return {BOS}
            case "gene":
                return self._tokens_of_next_gene()
            case "strand":
                return {token for name, token in STRANDS.items() if self._strand_is_open(name)}
            case "biotype":
                if self._has_coding_start(self._strand):
                    return self._biotypes
                return self._biotypes - {CODING}
            case "first exon":
                return {
                    token
                    for token, is_cut in ((EXON, False), (CUT_LEFT, True))
                    if self._first_starts(is_cut).any()
                }
            case "exon":
                return {EXON}
            case "phase":
                return {PHASES[phase] for phase in self._phases()}
            case "next exon":
                return self._tokens_after_exon()
        return set()

    def positions(self) -> np.ndarray:
        """[L] the bases that may be pointed at; none where a token follows."""
        match self.expects:
            case "start":
                return self._starts()
            case "end":
                return self._ends()[1:]
        return np.zeros(self.window.length, bool)

    def allows(self, step: Step) -> bool:
        if not isinstance(step, int):
            return step in self.tokens()
        base = step - (self.expects == "end")
        return 0 <= base < self.window.length and bool(self.positions()[base])

    def take(self, step: Step) -> None:
        """Go on by a step of the grammar, whether the rules allow it or not."""
        match self.expects:
            case "begin":
                self.expects = "gene"
            case "gene":
                self._begin_gene()
                self.expects = "strand" if step == GENE else "nothing"
            case "strand":
                self._strand = _STRAND_OF[step]
                self.expects = "biotype"
            case "biotype":
                self._coding = step == CODING
                self.expects = "first exon"
            case "first exon":
                is_cut = step == CUT_LEFT
                self._offsets = CUT_OFFSETS if is_cut else self._signals.whole_offsets
                self.expects = "exon" if is_cut else "start"
            case "exon":
                self.expects = "start"
            case "start":
                if self._end is None:
                    self._first_start = step
                self._start = step
                self.expects = "end"
            case "end":
                self._end = step
                self.expects = "phase"
            case "phase":
                self._phase = _PHASE_OF[step]
                self._offsets = (self._offset(),)
                self.expects = "next exon"
            case "next exon" if step == EXON:
                self._offsets = (self._next_offset(),)
                self.expects = "start"
            case "next exon":
                self.expects = "gene"
                if step != CUT_RIGHT:
                    self.take(step)

    def _begin_gene(self) -> None:
        self._strand, self._coding = "+", False
        self._start, self._end, self._phase = 0, None, None
        # From the start of an exon to its first whole codon, as far as that is known.
        self._offsets: Sequence[int] = ()

    @property
    def _signals(self) -> CodingStrand:
        return self.window.strands[self._strand]

    def _strand_is_open(self, strand: str) -> bool:
        return self._biotypes != {CODING} or self._has_coding_start(strand)

    def _has_coding_start(self, strand: str) -> bool:
        return self.window.strands[strand].last_start >= self._first_start

    def _first_starts(self, is_cut: bool) -> np.ndarray:
        found = np.ones(self.window.length, bool)
        if self._coding:
            signals = self._signals
            found = (signals.cut_starts if is_cut else signals.whole_starts).copy()
        found[: self._first_start] = False
        return found

    def _starts(self) -> np.ndarray:
        if self._end is None:
            return self._first_starts(is_cut=self._offsets == CUT_OFFSETS)
        if self._coding:
            return self._signals.next_starts(self._end, self._offsets[0])
        return np.arange(self.window.length) >= self._end

    def _ends(self) -> np.ndarray:
        """[L + 1] where this exon may end."""
        if not self._coding:
            return np.arange(self.window.length + 1) > self._start
        ends = [self._borders_and_closes(offset) for offset in self._offsets]
        return np.logical_or.reduce([mask for pair in ends for mask in pair])

    def _borders_and_closes(self, offset: int) -> tuple[np.ndarray, np.ndarray]:
        signals = self._signals
        return signals.borders(self._start, offset), signals.closes(self._start, offset)

    def _phases(self) -> set[int | None]:
        if not self._coding:
            return {None}
        if not self.window.rules.frame:
            return {0, 1, 2}
        return {
            (self._end - self._start - offset if self._strand == "-" else offset) % 3
            for offset in self._offsets
            if any(mask[self._end] for mask in self._borders_and_closes(offset))
        }

    def _offset(self) -> int:
        """That of this exon, by its phase."""
        if self._strand == "+" or self._phase is None:
            return self._phase or 0
        offset = (self._end - self._start - self._phase) % 3
        return offset + 3 if self._offsets == self._signals.whole_offsets else offset

    def _next_offset(self) -> int:
        phase = self._phase or 0
        return (phase - (self._end - self._start) if self._strand == "+" else -phase) % 3

    def _tokens_of_next_gene(self) -> set[str]:
        return {GENE, EOS} if any(map(self._strand_is_open, STRANDS)) else {EOS}

    def _tokens_after_exon(self) -> set[str]:
        if not self._coding:
            more = {EXON, CUT_RIGHT} if self._end < self.window.length else {CUT_RIGHT}
            return more | self._tokens_of_next_gene()
        border, close = (mask[self._end] for mask in self._borders_and_closes(self._offsets[0]))
        found = self._tokens_of_next_gene() if close else set()
        if border:
            found |= {CUT_RIGHT}
            if self._signals.next_starts(self._end, self._next_offset()).any():
                found |= {EXON}
        return found
