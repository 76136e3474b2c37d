"""Labels of bases: what a coding gene makes of each base of a window, and genes of the best labels.

A base is intergenic, or on one of the strands in an exon, with its place in the codon (0, 1, 2), or
in an intron, with the number of bases of the codon that were read before it (0, 1, 2), in the
direction of reading. Genes that are not coding have no labels. Of two genes that overlap the one
that begins there, in the direction of reading, has the bases of both.
"""

from collections.abc import Iterable

import numpy as np

from seqloom.annotate.codec import STRANDS, Piece, place
from seqloom.annotate.grammar import Window
from seqloom.genet5.augment import mirrored
from seqloom.genet5.viterbi import best_path

INTERGENIC = 0
LABELS = (
    "intergenic",
    *(
        f"{strand} {kind} {n}"
        for strand in STRANDS
        for kind in ("exon", "intron")
        for n in range(3)
    ),
)
EXON = {"+": 1, "-": 7}  # the first of three labels
INTRON = {"+": 4, "-": 10}


def labels(pieces: Iterable[Piece], length: int) -> np.ndarray:
    """[L] int64 numbers of LABELS."""
    found = np.full(length, INTERGENIC, np.int64)
    coding = sorted((piece for piece in pieces if piece.biotype == "CDS"), key=place)
    forward = [piece for piece in coding if piece.strand == "+"]
    reverse = [piece for piece in coding if piece.strand == "-"]
    for piece in (*reverse[::-1], *forward):
        if piece.strand == "+":
            _label(found, piece, "+")
        else:
            _label(found[::-1], mirrored(piece, length), "-")
    return found


def best_pieces(log_probabilities: np.ndarray, window: Window) -> tuple[list[Piece], list[float]]:
    """The coding genes of the best labels that keep the rules, and the mean of each per base."""
    pieces = best_path(log_probabilities, window)
    chosen = labels(pieces, len(log_probabilities))
    of_bases = np.take_along_axis(log_probabilities, chosen[:, None], axis=1)[:, 0]
    return pieces, [float(of_bases[slice(*_span(piece))].mean()) for piece in pieces]


def _span(piece: Piece) -> tuple[int, int]:
    return piece.exons[0].start, piece.exons[-1].end


def _label(found: np.ndarray, piece: Piece, strand: str) -> None:
    """Label a piece of a strand in place, both in the direction of reading."""
    exon, intron = EXON[strand], INTRON[strand]
    end = 0 if piece.cut_left else piece.exons[0].start
    for start, last, phase in piece.exons:
        read = -phase % 3  # bases of the first codon, before the exon
        found[end:start] = intron + read
        found[start:last] = exon + (np.arange(last - start) + read) % 3
        end = last
    if piece.cut_right:
        found[end:] = intron + (end - start + read) % 3
