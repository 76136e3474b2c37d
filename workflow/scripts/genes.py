#!/usr/bin/env python3
"""Read the genes of a sample from its annotation into an index, and count what is odd."""

import argparse
import logging
from collections import Counter

from seqloom.cli import parser, run, without_pandas
from seqloom.errors import InputError
from seqloom.files.checksums import sha256
from seqloom.seqs.contigs import read_lengths
from seqloom.seqs.gene_index import write_gene_index
from seqloom.seqs.gene_reader import read_genes

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument(
        "--annotation", nargs="+", required=True, help="GFF3, GTF or GenBank; plain or compressed"
    )
    options.add_argument("--records", required=True, help=".tsv of index.py")
    options.add_argument("--out", required=True, help=".json")
    return options


def main(args: argparse.Namespace) -> None:
    lengths = read_lengths(args.records)
    genes, oddities = read_genes(args.annotation, lengths)
    if not genes:
        raise InputError(
            f"{', '.join(args.annotation)}: there is no gene in this annotation; give one with "
            "genes, or take the sample out of annotate.species"
        )
    write_gene_index(args.out, genes, oddities, [sha256(path) for path in args.annotation])
    kinds = Counter(gene.biotype for gene in genes)
    log.info("%d genes: %s", len(genes), ", ".join(f"{n} {kind}" for kind, n in kinds.items()))
    for name, count in oddities.most_common():
        log.info("%d: %s", count, name)


if __name__ == "__main__":
    without_pandas()
    run(main, arguments())
