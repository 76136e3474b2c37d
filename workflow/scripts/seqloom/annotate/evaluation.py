"""The table of how well the genes of a program agree with the annotation of a sample."""

from collections.abc import Iterator, Mapping, Sequence

from seqloom.annotate.scores import compare
from seqloom.config.annotation import HeldOut
from seqloom.seqs.genes import Gene

# Stretches of contigs: 0-based, half-open.
Stretches = Mapping[str, Sequence[tuple[int, int]]]
ALL = "all"
COLUMNS = (
    *("part", "biotype", "level", "annotated", "found", "predicted", "right"),
    *("precision", "recall", "f1"),
)


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
                measured = counts.annotated, counts.found, counts.predicted, counts.right
                rates = counts.precision, counts.recall, counts.f1
                yield dict(zip(COLUMNS, (part, biotype, level, *measured, *rates), strict=True))


def stretches(places: Sequence[HeldOut], lengths: Mapping[str, int]) -> Stretches:
    """The stretches of held-out places of one sample."""
    found: dict[str, list[tuple[int, int]]] = {}
    for place in places:
        for contig in lengths if place.contig is None else [place.contig]:
            is_whole = place.start is None
            stretch = (0, lengths[contig]) if is_whole else (place.start, place.end)
            found.setdefault(contig, []).append(stretch)
    return found


def is_inside(gene: Gene, stretches: Stretches) -> bool:
    """Whether all of a gene is in a stretch; one across the border of a part is in no part."""
    return any(
        start <= gene.start and gene.end <= end for start, end in stretches.get(gene.contig, ())
    )
