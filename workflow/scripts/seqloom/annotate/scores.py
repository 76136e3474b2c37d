"""How well predicted genes agree with annotated ones.

Strands count. An exon, base or gene that is predicted is right if any isoform of the annotation has
it; of the annotation, each gene counts with the isoform that differs least from the prediction. So
neither one right isoform nor all of them is punished. Exons are those of the coding sequence.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seqloom.seqs.genes import Gene, Transcript

TOLERANCE = 10  # bases that each end of an exon may be off at the level `exon_within_10`

# A stretch of a strand: start, end.
Stretch = tuple[int, int]


@dataclass
class Counts:
    """What one level of comparison counted."""

    predicted: int = 0
    right: int = 0  # of the predicted
    annotated: int = 0
    found: int = 0  # of the annotated

    def __iadd__(self, other: "Counts") -> "Counts":
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self

    @property
    def precision(self) -> float:
        return self.right / self.predicted if self.predicted else float("nan")

    @property
    def recall(self) -> float:
        return self.found / self.annotated if self.annotated else float("nan")

    @property
    def f1(self) -> float:
        """0 where nothing is right, also if nothing is predicted; NaN if nothing is annotated."""
        if not self.annotated:
            return float("nan")
        if not (self.right and self.found):
            return 0.0
        return 2 * self.precision * self.recall / (self.precision + self.recall)


def compare(annotated: Iterable[Gene], predicted: Iterable[Gene]) -> dict[str, Counts]:
    """Counts by level, over genes of one biotype in any order."""
    pairs: dict[tuple[str, str], tuple[list[Gene], list[Gene]]] = defaultdict(lambda: ([], []))
    for side, genes in enumerate((annotated, predicted)):
        for gene in genes:
            pairs[gene.contig, gene.strand][side].append(gene)
    totals = {level: Counts() for level in _LEVELS}
    for genes in pairs.values():
        for level, count in _LEVELS.items():
            totals[level] += count(*genes)
    return totals


def _bases(annotated: Sequence[Gene], predicted: Sequence[Gene]) -> Counts:
    found = _merged(exon for gene in predicted for exon in _all_exons(gene))
    known = _merged(exon for gene in annotated for exon in _all_exons(gene))
    in_found = _bases_in(found)
    best = []
    for gene in annotated:
        isoforms = [_merged(_stretches(isoform)) for isoform in gene.transcripts]
        best.append(max(isoforms, key=lambda one: _closeness(in_found(one), _total(one))))
    # Genes that overlap on a strand share bases, which count once.
    chosen = _merged(tuple(pair) for isoform in best for pair in isoform.tolist())
    return Counts(_total(found), _bases_in(known)(found), _total(chosen), in_found(chosen))


def _exons(annotated: Sequence[Gene], predicted: Sequence[Gene]) -> Counts:
    return _exon_counts(annotated, predicted, lambda exons: exons.__contains__)


def _exons_within(annotated: Sequence[Gene], predicted: Sequence[Gene]) -> Counts:
    return _exon_counts(annotated, predicted, _near)


def _exon_counts(
    annotated: Sequence[Gene],
    predicted: Sequence[Gene],
    matcher: Callable[[set[Stretch]], Callable[[Stretch], bool]],
) -> Counts:
    """`matcher` makes of exons the test whether another exon is one of them."""
    found = {exon for gene in predicted for exon in _all_exons(gene)}
    known = {exon for gene in annotated for exon in _all_exons(gene)}
    is_found = matcher(found)
    counts = Counts(len(found), sum(map(matcher(known), found)))
    for gene in annotated:
        pairs = [
            (sum(map(is_found, _stretches(isoform))), len(isoform.exons))
            for isoform in gene.transcripts
        ]
        hits, total = max(pairs, key=lambda pair: _closeness(*pair))
        counts.annotated += total
        counts.found += hits
    return counts


def _closeness(hits: int, total: int) -> tuple[int, int]:
    """By how few parts an isoform and the prediction differ; then by what they share."""
    return 2 * hits - total, hits


def _genes(annotated: Sequence[Gene], predicted: Sequence[Gene]) -> Counts:
    return _gene_counts(annotated, predicted, lambda isoform: tuple(_stretches(isoform)))


def _gene_ends(annotated: Sequence[Gene], predicted: Sequence[Gene]) -> Counts:
    def last_base(isoform: Transcript) -> int:
        return isoform.end if annotated_strand == "+" else isoform.start

    annotated_strand = (annotated or predicted)[0].strand
    return _gene_counts(annotated, predicted, last_base)


def _gene_counts(
    annotated: Sequence[Gene], predicted: Sequence[Gene], key: Callable[[Transcript], object]
) -> Counts:
    """A predicted gene is right if it has the key of an annotated one; a second one is not."""
    found = [{key(isoform) for isoform in gene.transcripts} for gene in predicted]
    known = [{key(isoform) for isoform in gene.transcripts} for gene in annotated]
    owners: dict[object, list[int]] = defaultdict(list)
    for number, keys in enumerate(known):
        for name in keys:
            owners[name].append(number)
    taken: set[int] = set()
    for keys in found:
        free = {number for name in keys for number in owners[name]} - taken
        taken |= {min(free)} if free else set()
    return Counts(len(found), len(taken), len(known), len(taken))


_LEVELS: dict[str, Callable[[Sequence[Gene], Sequence[Gene]], Counts]] = {
    "base": _bases,
    "exon": _exons,
    f"exon_within_{TOLERANCE}": _exons_within,
    "gene": _genes,
    "gene_end": _gene_ends,
}


def _stretches(isoform: Transcript) -> Iterator[Stretch]:
    return ((exon.start, exon.end) for exon in isoform.exons)


def _all_exons(gene: Gene) -> set[Stretch]:
    return {stretch for isoform in gene.transcripts for stretch in _stretches(isoform)}


def _merged(stretches: Iterable[Stretch]) -> np.ndarray:
    """[n, 2] sorted stretches that do not touch, with the same bases."""
    ordered = np.array(sorted(stretches), np.int64).reshape(-1, 2)
    if not len(ordered):
        return ordered
    ends = np.maximum.accumulate(ordered[:, 1])
    first = np.append(True, ordered[1:, 0] > ends[:-1])
    last = np.append(np.flatnonzero(first)[1:] - 1, len(ordered) - 1)
    return np.stack([ordered[first, 0], ends[last]], axis=1)


def _total(merged: np.ndarray) -> int:
    return int((merged[:, 1] - merged[:, 0]).sum())


def _bases_in(merged: np.ndarray) -> Callable[[np.ndarray], int]:
    """Counts the bases of other stretches that lie in these."""
    # An empty stretch in front: so every position has one at or before it.
    starts, ends = np.concatenate([[(-1, -1)], merged]).T
    before = np.append(0, np.cumsum(ends - starts))

    def bases_before(positions: np.ndarray) -> np.ndarray:
        at = np.searchsorted(starts, positions, side="right") - 1
        return before[at] + np.clip(positions - starts[at], 0, ends[at] - starts[at])

    return lambda other: int((bases_before(other[:, 1]) - bases_before(other[:, 0])).sum())


def _near(exons: set[Stretch]) -> Callable[[Stretch], bool]:
    """Whether an exon is as near as TOLERANCE at both ends to one of these."""
    ordered = sorted(exons)
    starts = np.array([start for start, _ in ordered], np.int64)

    def is_near(exon: Stretch) -> bool:
        first, last = np.searchsorted(starts, [exon[0] - TOLERANCE, exon[0] + TOLERANCE + 1])
        return any(abs(end - exon[1]) <= TOLERANCE for _, end in ordered[first:last])

    return is_near
