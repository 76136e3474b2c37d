#!/usr/bin/env python3
"""Compare the genes of a program with the annotation: precision, recall and F1 at every level."""

import argparse
import logging

import pandas as pd

from seqloom.annotate.evaluation import score_rows
from seqloom.cli import parser, run
from seqloom.files.atomic import atomic
from seqloom.files.tables import write_tsv
from seqloom.seqs.gene_index import read_gene_index
from seqloom.seqs.gene_reader import read_genes
from seqloom.seqs.genome import open_genome

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--genes", required=True, help=".json of genes.py")
    options.add_argument("--prediction", required=True, help="GFF3 of the same contigs")
    options.add_argument("--genome", required=True, help="indexed .fa.gz of the sample")
    options.add_argument("--sample", required=True)
    options.add_argument("--program", required=True)
    options.add_argument("--biotypes", nargs="+", default=["CDS"])
    options.add_argument("--parts", help="parts.tsv of the baked set; without it only all genes")
    options.add_argument("--out", required=True, help=".tsv")
    return options


def main(args: argparse.Namespace) -> None:
    genome = open_genome(args.genome)
    lengths = dict(zip(genome.names, genome.lengths.tolist(), strict=True))
    annotated, _, _ = read_gene_index(args.genes)
    predicted, _ = read_genes([args.prediction], lengths)
    parts = {}
    table = pd.DataFrame(score_rows(annotated, predicted, args.biotypes, parts))
    table.insert(0, "sample", args.sample)
    table.insert(2, "program", args.program)
    with atomic(args.out) as temporary:
        write_tsv(temporary, table)
    for row in table[table["part"] == "all"].itertuples():
        log.info("%s, %s: F1 %.4f", row.biotype, row.level, row.f1)


if __name__ == "__main__":
    run(main, arguments())
