"""The genes of a contig from those of its tiles.

Neighboring tiles overlap, so most genes are whole in one of them. A gene that is cut in both is
joined in the middle of the overlap if both tiles agree there. What stays cut is a fragment; it
counts in the tile whose core, up to the middles of its overlaps, has its middle. Of genes that
share coding bases on a strand whole ones win over fragments, then the likelier over the others.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from seqloom.annotate.codec import Piece, place, shifted
from seqloom.annotate.pieces import cut, gene_of, join
from seqloom.seqs.genes import Gene

# Of the coding bases of the shorter gene, that two genes of a strand may share.
SHARED = 0.2
_BIN = 10_000  # bases


@dataclass(frozen=True)
class TileGenes:
    """What a model found in a tile: pieces in positions of the tile, with their scores."""

    contig: str
    start: int
    end: int
    pieces: list[Piece]
    scores: list[float]


@dataclass(frozen=True)
class _Found:
    """A piece in positions of the contig, and at which inner edges of tiles it is cut."""

    piece: Piece
    score: float
    cut_left: bool
    cut_right: bool
    in_core: bool

    @property
    def start(self) -> int:
        return self.piece.exons[0].start

    @property
    def end(self) -> int:
        return self.piece.exons[-1].end

    @property
    def is_fragment(self) -> bool:
        return self.cut_left or self.cut_right

    @property
    def rank(self) -> tuple:
        return self.is_fragment, -self.score, place(self.piece), self.piece.exons


def genes_of_contig(
    contig: str, tiles: Iterable[TileGenes], length: int, genetic_code: int
) -> Iterator[tuple[Gene, float]]:
    """The genes of the tiles that cover a contig, both in order, with their scores.

    Only tiles that are neighbors, and genes that overlap, are in memory.
    """
    number = 0
    for cluster in _clusters(_joined(tiles, length)):
        ranked = sorted(set(cluster), key=lambda one: one.rank)
        for one in sorted(_without_conflicts(ranked), key=lambda one: place(one.piece)):
            number += 1
            yield gene_of(one.piece, f"{contig}_{number}", contig, genetic_code), one.score


def _joined(tiles: Iterable[TileGenes], length: int) -> Iterator[tuple[list[_Found], int]]:
    """Genes and fragments, those that go on in the next tile joined with what it has.

    With each list comes the first base where genes of later lists may begin.
    """
    waiting: list[_Found] = []  # cut at the right edge of the tile before
    left = 0
    for tile, after in pairwise(chain(tiles, [None])):
        right = (tile.end + after.start) // 2 if after else length
        here = []
        for piece, score in zip(tile.pieces, tile.scores, strict=True):
            piece = shifted(piece, tile.start)
            in_core = left <= (piece.exons[0].start + piece.exons[-1].end) // 2 < right
            ends = piece.cut_left and tile.start > 0, piece.cut_right and tile.end < length
            one = _Found(piece, score, *ends, in_core)
            here.append(_with_its_left(one, waiting, left) if one.cut_left else one)
        done = waiting + [one for one in here if not one.cut_right]
        waiting = [one for one in here if one.cut_right]
        yield done, min([after.start if after else length, *(one.start for one in waiting)])
        left = right
    yield waiting, length


def _clusters(lists: Iterable[tuple[list[_Found], int]]) -> Iterator[list[_Found]]:
    """Those that count, together with all that they overlap, from left to right."""
    held: list[_Found] = []
    for found, begin in lists:
        held += [one for one in found if one.in_core or not one.is_fragment]
        held.sort(key=lambda one: one.start)
        first = end = 0
        starts = [*(one.start for one in held), begin]
        for number, (one, following) in enumerate(zip(held, starts[1:], strict=True), 1):
            end = max(end, one.end)
            if end <= min(begin, following):
                yield held[first:number]
                first = number
        held = held[first:]


def _with_its_left(one: _Found, waiting: list[_Found], edge: int) -> _Found:
    """A fragment joined with that of the tile before, which waits no longer; or as it is."""
    for before in waiting:
        if piece := _join(before.piece, one.piece, edge):
            waiting.remove(before)
            score = (before.score + one.score) / 2
            return _Found(piece, score, before.cut_left, one.cut_right, in_core=True)
    return one


def _join(before: Piece, after: Piece, edge: int) -> Piece | None:
    """The gene that two tiles show, up to an edge and from there on; None if they disagree."""
    genes = [gene_of(piece, "", "") for piece in (before, after)]
    at_edge = [cut(gene, edge - 1, edge + 1) for gene in genes]
    exons = [piece and piece.exons for piece in at_edge]
    left, right = cut(genes[0], 0, edge), cut(genes[1], edge, genes[1].end + 1)
    if exons[0] != exons[1] or not (left and right and left.cut_right and right.cut_left):
        return None
    found = join([(0, [left]), (edge, [right])], "")
    if len(found) > 1 or not _frames_fit(found[0]):
        return None
    [gene] = found
    ends = gene.partial_left, gene.partial_right
    return Piece(gene.strand, gene.biotype, gene.canonical.exons, *ends)


def _frames_fit(gene: Gene) -> bool:
    """Whether the phase of each exon follows from the one read before it."""
    exons = gene.canonical.exons[:: 1 if gene.strand == "+" else -1]
    return gene.biotype != "CDS" or all(
        after.phase == (before.phase - before.bases) % 3 for before, after in pairwise(exons)
    )


def _without_conflicts(ranked: Sequence[_Found]) -> list[_Found]:
    """Those that share too many coding bases with none of a better rank."""
    kept: list[_Found] = []
    by_place: dict[tuple[str, int], list[Piece]] = defaultdict(list)
    for one in ranked:
        bins = [(one.piece.strand, n) for n in range(one.start // _BIN, (one.end - 1) // _BIN + 1)]
        if not any(_conflict(one.piece, other) for key in bins for other in by_place[key]):
            kept.append(one)
            for key in bins:
                by_place[key].append(one.piece)
    return kept


def _conflict(one: Piece, other: Piece) -> bool:
    shared = sum(
        max(min(a.end, b.end) - max(a.start, b.start), 0) for a in one.exons for b in other.exons
    )
    shorter = min(sum(exon.bases for exon in piece.exons) for piece in (one, other))
    return shared > SHARED * shorter
