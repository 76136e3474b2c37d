"""Genes cut at the edges of windows, and joined again."""

from collections.abc import Iterable, Sequence

from seqloom.annotate.codec import Piece, place, shifted
from seqloom.seqs.genes import Exon, Gene, Transcript


def cut(gene: Gene, start: int, end: int) -> Piece | None:
    """The part of the canonical transcript in a window; None if no exon reaches into it."""
    whole = gene.canonical
    exons = tuple(
        _clipped(exon, gene.strand, start, end)
        for exon in whole.exons
        if exon.start < end and start < exon.end
    )
    if not exons:
        return None
    return Piece(
        gene.strand,
        gene.biotype,
        tuple(exon.shifted(-start) for exon in exons),
        cut_left=whole.start < start or gene.partial_left,
        cut_right=whole.end > end or gene.partial_right,
    )


def join(windows: Iterable[tuple[int, Sequence[Piece]]], contig: str) -> list[Gene]:
    """The genes of a contig from its windows, each with its first base, which touch each other.

    A gene cut at the right edge of a window goes on in the next piece that is cut at its left edge,
    of the same strand and biotype and, if there is one, the same reading frame.
    """
    done: list[Piece] = []
    waiting: list[Piece] = []
    for start, pieces in windows:
        cut_here = []
        for piece in (shifted(piece, start) for piece in pieces):
            if piece.cut_left and (befores := [b for b in waiting if _same_kind(b, piece)]):
                before = max(befores, key=lambda b: _same_frame(b, piece))
                waiting.remove(before)
                piece = _joined(before, piece, start)
            (cut_here if piece.cut_right else done).append(piece)
        waiting += cut_here
    found = sorted(done + waiting, key=place)
    return [gene_of(piece, f"{contig}_{n}", contig) for n, piece in enumerate(found, start=1)]


def _clipped(exon: Exon, strand: str, start: int, end: int) -> Exon:
    first, last = max(exon.start, start), min(exon.end, end)
    lost = first - exon.start if strand == "+" else exon.end - last
    phase = None if exon.phase is None else (exon.phase - lost) % 3
    return Exon(first, last, phase)


def _same_kind(before: Piece, after: Piece) -> bool:
    return (before.strand, before.biotype) == (after.strand, after.biotype)


def _same_frame(before: Piece, after: Piece) -> bool:
    """Whether the reading frame goes on from one exon to the next, in the direction of reading."""
    pair = before.exons[-1], after.exons[0]
    first, second = pair if before.strand == "+" else pair[::-1]
    return first.phase is None or second.phase == (first.phase - first.bases) % 3


def _joined(before: Piece, after: Piece, edge: int) -> Piece:
    left, right = before.exons[-1], after.exons[0]
    exons = left, right
    if left.end == right.start == edge:  # one exon, cut in two by the edge
        exons = (Exon(left.start, right.end, (left if before.strand == "+" else right).phase),)
    return Piece(
        before.strand,
        before.biotype,
        (*before.exons[:-1], *exons, *after.exons[1:]),
        before.cut_left,
        after.cut_right,
    )


def gene_of(piece: Piece, name: str, contig: str, genetic_code: int | None = None) -> Gene:
    """A piece as a gene of one transcript; only a coding one has the genetic code."""
    return Gene(
        name,
        contig,
        piece.strand,
        piece.biotype,
        (Transcript(f"{name}.t1", piece.exons),),
        genetic_code if piece.biotype == "CDS" else None,
        piece.cut_left,
        piece.cut_right,
    )
