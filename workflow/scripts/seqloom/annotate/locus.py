"""A place of a genome where a prediction and the annotation differ, to look at."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from seqloom.seqs.genes import Gene

# Bases that are shown: as many as hold about this number of genes, within limits.
_GENES, _LEAST, _MOST = 8, 4_000, 100_000

RULE = (
    "The genome is cut into stretches that overlap by half; shown is the first of those with the "
    "most genes that the other side does not have exactly, or the most genes at all."
)


def locus(annotated: Sequence[Gene], predicted: Sequence[Gene]) -> dict[str, Any]:
    """The place by RULE, with the genes that touch it; its contig is None if there are no genes."""
    known, found = _structures(annotated), _structures(predicted)
    sides = {
        "annotated": [(gene, _is_in(gene, found)) for gene in annotated],
        "predicted": [(gene, _is_in(gene, known)) for gene in predicted],
    }
    both = [pair for pairs in sides.values() for pair in pairs]
    reach: Counter[str] = Counter()
    for gene, _ in both:
        reach[gene.contig] = max(reach[gene.contig], gene.end)
    # Genes of both sides are at the same places, mostly.
    size = min(max(2 * _GENES * reach.total() // max(len(both), 1), _LEAST), _MOST)
    step = size // 2
    # By contig and number of the stretch: genes that differ, and all genes.
    places: dict[tuple[str | None, int], list[int]] = {}
    for gene, agrees in both:
        middle = (gene.start + gene.end) // 2 // step
        for number in range(max(middle - 1, 0), middle + 1):
            counts = places.setdefault((gene.contig, number), [0, 0])
            counts[0] += not agrees
            counts[1] += 1
    contig, number = max(places, key=places.__getitem__, default=(None, 0))
    start, end = number * step, min(number * step + size, reach[contig])
    return {"rule": RULE, "contig": contig, "start": start, "end": end} | {
        side: [
            {
                "name": gene.name,
                "strand": gene.strand,
                "exons": [[exon.start, exon.end] for exon in gene.canonical.exons],
                "agrees": agrees,
            }
            for gene, agrees in pairs
            if gene.contig == contig and gene.start < end and start < gene.end
        ]
        for side, pairs in sides.items()
    }


def _structures(genes: Sequence[Gene]) -> set[object]:
    return {key for gene in genes for key in _keys(gene)}


def _is_in(gene: Gene, structures: set[object]) -> bool:
    return any(key in structures for key in _keys(gene))


def _keys(gene: Gene) -> list[object]:
    """The contig, the strand and the exons of each transcript."""
    return [
        (gene.contig, gene.strand, tuple(exon[:2] for exon in transcript.exons))
        for transcript in gene.transcripts
    ]
