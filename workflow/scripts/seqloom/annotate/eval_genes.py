"""A diverse choice of held-out coding genes."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

from seqloom.annotate.window_plan import TRAIN, Stretch
from seqloom.seqs.genes import ContigGenes, Gene
from seqloom.seqs.hashing import text_key

# Genes of more exons than each of these are in the next class.
_CLASSES = (1, 3, 7)


def held_out_genes(
    sample: str, genes: Iterable[Gene], stretches: Sequence[Stretch]
) -> Iterator[dict[str, Any]]:
    """The whole coding genes that lie within what is held out."""
    by_contig: dict[str, list[Gene]] = {}
    for gene in genes:
        if gene.biotype == "CDS" and not (gene.partial_left or gene.partial_right):
            by_contig.setdefault(gene.contig, []).append(gene)
    for stretch in stretches:
        if stretch.part == TRAIN:
            continue
        for gene in ContigGenes(by_contig.get(stretch.contig, [])).overlapping(
            stretch.start, stretch.end
        ):
            if stretch.holds(gene):
                yield {
                    "sample": sample,
                    "part": stretch.part,
                    "gene": gene.name,
                    "contig": gene.contig,
                    "strand": gene.strand,
                    "exons": [list(exon) for exon in gene.canonical.exons],
                }


def diverse(genes: Iterable[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """At most so many genes, in turn of each part, sample, strand and class of exon numbers."""
    classes: dict[tuple, list[dict[str, Any]]] = {}
    for gene in sorted(genes, key=lambda gene: text_key(f"{gene['sample']}/{gene['gene']}")):
        exons = sum(len(gene["exons"]) > bound for bound in _CLASSES)
        kind = gene["part"], gene["sample"], gene["strand"], exons
        classes.setdefault(kind, []).append(gene)
    turns = zip_longest(*(classes[kind] for kind in sorted(classes)))
    chosen = [gene for turn in turns for gene in turn if gene][:most]
    return sorted(
        chosen,
        key=lambda gene: (
            gene["part"],
            gene["sample"],
            gene["contig"],
            gene["exons"],
            gene["gene"],
        ),
    )
