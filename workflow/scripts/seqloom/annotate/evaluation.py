"""The table of how well the genes of a program agree with the annotation of a sample."""

from collections.abc import Iterator, Mapping, Sequence

from seqloom.annotate.scores import compare
from seqloom.seqs.genes import Gene

# Stretches of contigs: 0-based, half-open.
Stretches = Mapping[str, Sequence[tuple[int, int]]]
ALL = "all"


def score_rows(
    annotated: Sequence[Gene],
    predicted: Sequence[Gene],
    biotypes: Sequence[str],
    parts: Mapping[str, Stretches],
) -> Iterator[dict[str, str | int | float]]:
    """A row for each part, biotype and level; those of all genes come first.

    A biotype that a part of the annotation lacks, and that nobody predicted there, has no rows.
    """
    for part in (ALL, *parts):
        for biotype in biotypes:
            known, found = (
                [
                    gene
                    for gene in genes
                    if gene.biotype == biotype and (part == ALL or is_inside(gene, parts[part]))
                ]
                for genes in (annotated, predicted)
            )
            for level, counts in compare(known, found).items() if known or found else ():
                yield {
                    "part": part,
                    "biotype": biotype,
                    "level": level,
                    "annotated": counts.annotated,
                    "found": counts.found,
                    "predicted": counts.predicted,
                    "right": counts.right,
                    "precision": counts.precision,
                    "recall": counts.recall,
                    "f1": counts.f1,
                }


def is_inside(gene: Gene, stretches: Stretches) -> bool:
    """Whether all of a gene is in a stretch; one across the border of a part is in no part."""
    return any(
        start <= gene.start and gene.end <= end for start, end in stretches.get(gene.contig, ())
    )
