"""How good the genes are that were written for a window, as one number.

The strict reward is .6 of the F1 of exons and .4 of that of genes, which a model that is just
learning seldom gets. So the reward begins softer: with the F1 of bases, and with ends of exons that
may be off by some bases.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from seqloom.annotate.codec import Piece
from seqloom.annotate.scores import Counts

EXON_SHARE = 0.6
_TOLERANCE = 30  # bases that an end may be off while the reward is softest

# Strand, biotype, and start and end of each exon.
Exons = tuple[str, str, tuple[tuple[int, int], ...]]


@dataclass(frozen=True)
class Reward:
    """The reward of a window, and the strict F1 of its exons and genes."""

    value: float
    exon_f1: float
    gene_f1: float


def reward(annotated: Sequence[Piece], written: Sequence[Piece], softness: float) -> Reward:
    """`softness` goes from 1 to 0, where the reward is the strict one."""
    strict = _score(annotated, written, tolerance=0)
    value = _mixed(*strict)
    if softness:
        near = _mixed(*_score(annotated, written, round(softness * _TOLERANCE)))
        value = softness * _base_f1(annotated, written) + (1 - softness) * near
    return Reward(value, *strict)


def _mixed(exon_f1: float, gene_f1: float) -> float:
    return EXON_SHARE * exon_f1 + (1 - EXON_SHARE) * gene_f1


def _score(
    annotated: Sequence[Piece], written: Sequence[Piece], tolerance: int
) -> tuple[float, float]:
    """F1 of exons and of genes whose ends are off by at most so many bases."""
    sides = _exons(annotated), _exons(written)
    singles = [
        list({(strand, biotype, (one,)) for strand, biotype, exons in side for one in exons})
        for side in sides
    ]
    return _f1(*singles, tolerance), _f1(*sides, tolerance)


def _exons(pieces: Iterable[Piece]) -> list[Exons]:
    return [
        (piece.strand, piece.biotype, tuple((exon.start, exon.end) for exon in piece.exons))
        for piece in pieces
    ]


def _f1(annotated: Sequence[Exons], written: Sequence[Exons], tolerance: int) -> float:
    """1 if both are empty: to write nothing is then right. What is written twice is wrong once."""
    if not annotated and not written:
        return 1.0

    def hits(ones: Sequence[Exons], others: Sequence[Exons]) -> int:
        return sum(any(_is_near(one, o, tolerance) for o in others) for one in set(ones))

    return _harmonic(
        hits(written, annotated), len(written), hits(annotated, written), len(annotated)
    )


def _is_near(one: Exons, other: Exons, tolerance: int) -> bool:
    if one[:2] != other[:2] or len(one[2]) != len(other[2]):
        return False
    return int(np.abs(np.subtract(one[2], other[2])).max()) <= tolerance


def _base_f1(annotated: Sequence[Piece], written: Sequence[Piece]) -> float:
    known, found = _bases(annotated), _bases(written)
    if not known and not found:
        return 1.0
    shared = len(known & found)
    return _harmonic(shared, len(found), shared, len(known))


def _bases(pieces: Iterable[Piece]) -> set[tuple[str, str, int]]:
    return {
        (strand, biotype, base)
        for strand, biotype, exons in _exons(pieces)
        for start, end in exons
        for base in range(start, end)
    }


def _harmonic(right: int, written: int, found: int, annotated: int) -> float:
    """The F1 of the evaluation, but 0 where nothing is annotated."""
    return Counts(written, right, annotated, found).f1 if annotated else 0.0
