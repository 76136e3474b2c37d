"""The target of a window: its genes as tokens and positions, and as text.

    target = <bos> {gene} <eos>
    gene   = <gene> strand biotype [<cut_left>] exon {exon} [<cut_right>]
    exon   = <exon> start end phase

Strands are <+> and <->, phases <p0> <p1> <p2> <p.>, biotypes such as <cds>. Positions count from
the start of the window; an exon begins at `start` and ends before `end`. Genes are ordered by their
first base, exons too, on both strands.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seqloom.errors import InputError
from seqloom.seqs.genes import Exon

BOS, EOS, GENE, EXON = "<bos>", "<eos>", "<gene>", "<exon>"
CUT_LEFT, CUT_RIGHT = "<cut_left>", "<cut_right>"
STRANDS = {"+": "<+>", "-": "<->"}
PHASES = {0: "<p0>", 1: "<p1>", 2: "<p2>", None: "<p.>"}
STRUCTURE = (BOS, EOS, GENE, EXON, CUT_LEFT, CUT_RIGHT, *STRANDS.values(), *PHASES.values())

# A token, or a position in the window.
Step = str | int


@dataclass(frozen=True)
class Piece:
    """What a window shows of one gene: its canonical transcript, in positions of the window."""

    strand: str
    biotype: str
    exons: tuple[Exon, ...]
    cut_left: bool = False  # the gene goes on beyond the left edge
    cut_right: bool = False


@dataclass(frozen=True)
class Codec:
    """Targets with genes of these biotypes; ids of tokens follow those of the DNA tokenizer."""

    biotypes: tuple[str, ...]
    first_id: int = 0

    @property
    def tokens(self) -> list[str]:
        return [*STRUCTURE, *map(biotype_token, self.biotypes)]

    def encode(self, pieces: Sequence[Piece]) -> list[Step]:
        steps: list[Step] = [BOS]
        for piece in sorted(pieces, key=place):
            steps += [GENE, STRANDS[piece.strand], biotype_token(piece.biotype)]
            steps += [CUT_LEFT] * piece.cut_left
            for start, end, phase in piece.exons:
                steps += [EXON, start, end, PHASES[phase]]
            steps += [CUT_RIGHT] * piece.cut_right
        return [*steps, EOS]

    def decode(self, steps: Sequence[Step]) -> list[Piece]:
        """The genes of a target; an error names the first step that the grammar does not allow."""
        reader = _Reader(steps)
        biotypes = {biotype_token(biotype): biotype for biotype in self.biotypes}
        reader.expect(BOS)
        pieces = []
        while not reader.take(EOS):
            reader.expect(GENE)
            strand, biotype = reader.one_of(_STRAND_OF), reader.one_of(biotypes)
            cut_left = reader.take(CUT_LEFT)
            reader.expect(EXON)
            exons = [reader.exon()]
            while reader.take(EXON):
                exons.append(reader.exon())
            cut_right = reader.take(CUT_RIGHT)
            pieces.append(Piece(strand, biotype, tuple(exons), cut_left, cut_right))
        if reader.position != len(steps):
            reader.fail("the end")
        return pieces

    def to_arrays(self, steps: Sequence[Step]) -> tuple[np.ndarray, np.ndarray]:
        """Ids of tokens, -1 for positions; and positions, -1 for tokens."""
        ids = {token: self.first_id + number for number, token in enumerate(self.tokens)}
        pairs = [(-1, step) if isinstance(step, int) else (ids[step], -1) for step in steps]
        tokens, positions = np.array(pairs, np.int32).reshape(-1, 2).T
        return tokens, positions

    def from_arrays(self, tokens: np.ndarray, positions: np.ndarray) -> list[Step]:
        names = self.tokens
        return [
            position if token < 0 else names[token - self.first_id]
            for token, position in zip(tokens.tolist(), positions.tolist(), strict=True)
        ]


def biotype_token(biotype: str) -> str:
    return f"<{biotype.lower()}>"


def to_text(steps: Sequence[Step]) -> str:
    return " ".join(map(str, steps))


def from_text(text: str) -> list[Step]:
    return [int(word) if word.isdecimal() else word for word in text.split()]


def shifted(piece: Piece, bases: int) -> Piece:
    return replace(piece, exons=tuple(exon.shifted(bases) for exon in piece.exons))


def place(piece: Piece) -> tuple:
    """By which genes are ordered."""
    return piece.exons[0].start, piece.exons[-1].end, piece.strand, piece.biotype


_STRAND_OF = {token: strand for strand, token in STRANDS.items()}
_PHASE_OF = {token: phase for phase, token in PHASES.items()}


class _Reader:
    """The steps of a target, read one by one."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = steps
        self.position = 0

    def take(self, token: str) -> bool:
        """Whether the next step is this token; if so it is passed."""
        found = self.position < len(self.steps) and self.steps[self.position] == token
        self.position += found
        return found

    def expect(self, token: str) -> None:
        if not self.take(token):
            self.fail(token)

    def one_of(self, values: Mapping[str, Any]) -> Any:
        return values[self._next("one of " + " ".join(values), values.__contains__)]

    def exon(self) -> Exon:
        return Exon(self._number(), self._number(), self.one_of(_PHASE_OF))

    def _number(self) -> int:
        return self._next("a position", lambda step: isinstance(step, int))

    def _next(self, expected: str, fits: Callable[[Step], bool]) -> Step:
        if self.position == len(self.steps) or not fits(self.steps[self.position]):
            self.fail(expected)
        self.position += 1
        return self.steps[self.position - 1]

    def fail(self, expected: str) -> None:
        found = self.steps[self.position] if self.position < len(self.steps) else "the end"
        raise InputError(
            f"target, step {self.position + 1}: {expected} is expected, but found {found}; "
            "bake it again"
        )
