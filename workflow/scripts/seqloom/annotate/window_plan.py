"""Which windows of a sample are baked, for which part, and why others are not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from seqloom.annotate.codec import Piece
from seqloom.annotate.pieces import cut
from seqloom.annotate.windows import sliding_windows, windows_between_genes
from seqloom.seqs.genes import ContigGenes
from seqloom.seqs.hashing import text_key

EMPTY = "too many without genes"


@dataclass(frozen=True)
class WindowRules:
    """How contigs are cut into windows, and which windows are kept."""

    limit: int  # longest window
    step: int | None = None  # of sliding windows; None cuts between genes
    empty: float = 0.1  # windows without genes, at most, for each one with genes


@dataclass(frozen=True)
class Stretch:
    """A stretch of a contig that belongs to one part."""

    contig: str
    start: int
    end: int
    part: str


@dataclass(frozen=True)
class Window(Stretch):
    genes: int
    cut: int  # of these, that go on beyond an edge
    reason: str = ""  # why it is left out


def planned_windows(
    stretches: Sequence[Stretch], genes: Mapping[str, ContigGenes], rules: WindowRules
) -> list[Window]:
    """All windows of a sample, in order; the surplus of empty ones is left out at random."""
    windows = [
        window
        for stretch in stretches
        for window in _windows(stretch, genes[stretch.contig], rules)
    ]
    kept = int(rules.empty * sum(window.genes > 0 for window in windows))
    empty = [number for number, window in enumerate(windows) if not window.genes]
    empty.sort(key=lambda number: text_key(f"{windows[number].contig}:{windows[number].start}"))
    for number in empty[kept:]:
        windows[number] = replace(windows[number], reason=EMPTY)
    return windows


def _windows(stretch: Stretch, genes: ContigGenes, rules: WindowRules) -> Iterator[Window]:
    if rules.step:
        bounds = sliding_windows(stretch.start, stretch.end, rules.limit, rules.step)
    else:
        inside = genes.overlapping(stretch.start, stretch.end)
        bounds = windows_between_genes(stretch.start, stretch.end, inside, rules.limit)
    for start, end in bounds:
        pieces = window_pieces(genes, start, end)
        is_cut = [piece.cut_left or piece.cut_right for piece in pieces]
        yield Window(stretch.contig, start, end, stretch.part, len(pieces), sum(is_cut))


def window_pieces(genes: ContigGenes, start: int, end: int) -> list[Piece]:
    """What a window shows of the genes of its contig."""
    pieces = (cut(gene, start, end) for gene in genes.overlapping(start, end))
    return [piece for piece in pieces if piece]
