"""Which windows of a sample are baked, for which part, and why others are not."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from seqloom.annotate.codec import Piece
from seqloom.annotate.pieces import cut
from seqloom.annotate.windows import sliding_windows, windows_between_genes
from seqloom.seqs.genes import ContigGenes, Gene
from seqloom.seqs.hashing import text_key

UNKNOWN = "too many unknown bases"
EMPTY = "too many without genes"
BEYOND_LIMIT = "beyond the limit"
TRAIN = "train"


@dataclass(frozen=True)
class WindowRules:
    """How contigs are cut into windows, and which windows are kept."""

    limit: int  # longest window
    step: int | None = None  # of sliding windows; None cuts between genes
    threshold: float = 0.5  # share of known bases that one without genes needs
    empty: float = 0.1  # windows without genes for each one with genes, at most, in training
    most: int | None = None  # windows for training


@dataclass(frozen=True)
class Stretch:
    """A stretch of a contig that belongs to one part."""

    contig: str
    start: int
    end: int
    part: str

    def holds(self, gene: Gene) -> bool:
        """Whether all of a gene of this contig is in it."""
        return self.start <= gene.start and gene.end <= self.end


@dataclass(frozen=True)
class Window(Stretch):
    genes: int
    cut: int  # of these, that go on beyond an edge
    reason: str = ""  # why it is left out


def planned_windows(
    stretches: Sequence[Stretch],
    genes: Mapping[str, ContigGenes],
    rules: WindowRules,
    known: Callable[[Window], float],
) -> list[Window]:
    """All windows of a sample, in order, some left out; `known` is the share of known bases.

    The surplus of empty windows, and of all beyond the limit, is chosen by a hash of their place.
    What is held out keeps all that are known well enough; only the limit can leave out genes.
    """
    windows = [
        window
        if window.genes or known(window) >= rules.threshold
        else replace(window, reason=UNKNOWN)
        for stretch in stretches
        for window in _windows(stretch, genes[stretch.contig], rules)
    ]

    def leave_out(surplus: Sequence[int], reason: str) -> None:
        for number in surplus:
            windows[number] = replace(windows[number], reason=reason)

    train = [
        number
        for number, window in enumerate(windows)
        if window.part == TRAIN and not window.reason
    ]
    train.sort(key=lambda number: text_key(f"{windows[number].contig}:{windows[number].start}"))
    empty = [number for number in train if not windows[number].genes]
    leave_out(empty[int(rules.empty * (len(train) - len(empty))) :], EMPTY)
    if rules.most is not None:
        kept = [number for number in train if not windows[number].reason]
        leave_out(kept[rules.most :], BEYOND_LIMIT)
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
