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
    """The place by RULE, with the genes that touch it; both together need a gene."""
    known, found = _structures(annotated), _structures(predicted)
    genes = [(gene, _is_in(gene, found)) for gene in annotated]
    marked = {
        "annotated": genes,
        "predicted": [(gene, _is_in(gene, known)) for gene in predicted],
    }
    both = [*marked["annotated"], *marked["predicted"]]
    size = _size([gene for gene, _ in both])
    step = size // 2
    wrong: Counter[tuple[str, int]] = Counter()
    every: Counter[tuple[str, int]] = Counter()
    for gene, is_right in both:
        middle = (gene.start + gene.end) // 2 // step
        for number in (middle - 1, middle) if middle else (middle,):
            every[gene.contig, number] += 1
            wrong[gene.contig, number] += not is_right
    contig, number = max(every, key=lambda place: (wrong[place], every[place]))
    start, end = number * step, number * step + size
    return {"rule": RULE, "contig": contig, "start": start, "end": end} | {
        side: [
            {
                "name": gene.name,
                "strand": gene.strand,
                "exons": [[exon.start, exon.end] for exon in gene.canonical.exons],
                "agrees": is_right,
            }
            for gene, is_right in pairs
            if gene.contig == contig and gene.start < end and start < gene.end
        ]
        for side, pairs in marked.items()
    }


def _size(genes: Sequence[Gene]) -> int:
    """The length of the stretch."""
    reach: Counter[str] = Counter()
    for gene in genes:
        reach[gene.contig] = max(reach[gene.contig], gene.end)
    # The genes of both sides are at the same places.
    bases = reach.total() * _GENES * 2 // len(genes)
    return min(max(bases, _LEAST), _MOST)


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
