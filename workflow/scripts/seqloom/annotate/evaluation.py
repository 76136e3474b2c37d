"""The table of how well the genes of a program agree with the annotation of a sample."""

from collections.abc import Iterator, Mapping, Sequence

from seqloom.annotate.scores import compare
from seqloom.annotate.window_plan import TRAIN, Stretch
from seqloom.seqs.genes import Gene

ALL = "all"
COLUMNS = (
    *("part", "biotype", "level", "annotated", "found", "predicted", "right"),
    *("precision", "recall", "f1"),
)


def score_rows(
    annotated: Sequence[Gene],
    predicted: Sequence[Gene],
    biotypes: Sequence[str],
    stretches: Sequence[Stretch],
) -> Iterator[dict[str, str | int | float]]:
    """A row for each held-out part, biotype and level; those of all genes come first.

    A biotype that a part of the annotation lacks, and that nobody predicted there, has no rows.
    """
    parts: dict[str, dict[str, list[Stretch]]] = {}
    for stretch in stretches:
        if stretch.part != TRAIN:
            parts.setdefault(stretch.part, {}).setdefault(stretch.contig, []).append(stretch)
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
                measured = counts.annotated, counts.found, counts.predicted, counts.right
                rates = counts.precision, counts.recall, counts.f1
                yield dict(zip(COLUMNS, (part, biotype, level, *measured, *rates), strict=True))


def is_inside(gene: Gene, part: Mapping[str, Sequence[Stretch]]) -> bool:
    """Whether all of a gene is in a stretch; one across the border of a part is in no part.

    The stretches of the part are by contig.
    """
    return any(stretch.holds(gene) for stretch in part.get(gene.contig, ()))
