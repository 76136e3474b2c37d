#!/usr/bin/env python3
"""Compare the genes of a program with the annotation: precision, recall and F1 at every level."""

import argparse
import logging

import pandas as pd

from seqloom.annotate.evaluation import ALL, COLUMNS, score_rows
from seqloom.annotate.locus import locus
from seqloom.annotate.stretches import stretches_of
from seqloom.cli import add_held_out_arguments, parser, run
from seqloom.config.held_out import held_out
from seqloom.files.atomic import atomic_all
from seqloom.files.json_files import write_json
from seqloom.files.tables import write_tsv
from seqloom.seqs.contigs import read_lengths
from seqloom.seqs.gene_index import read_gene_index
from seqloom.seqs.gene_reader import read_genes

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--genes", required=True, help=".json of genes.py")
    options.add_argument("--prediction", required=True, help="GFF3 of the same contigs")
    options.add_argument("--records", required=True, help=".tsv of index.py")
    options.add_argument("--sample", required=True)
    options.add_argument("--program", required=True)
    options.add_argument("--biotypes", nargs="+", default=["CDS"])
    add_held_out_arguments(options)
    options.add_argument("--out", required=True, help=".tsv")
    options.add_argument("--locus", required=True, help=".json of a place where the two differ")
    return options


def main(args: argparse.Namespace) -> None:
    lengths = read_lengths(args.records)
    annotated, _, _ = read_gene_index(args.genes)
    predicted, _ = read_genes([args.prediction], lengths)
    stretches = stretches_of(lengths, held_out(vars(args)))
    rows = score_rows(annotated, predicted, args.biotypes, stretches)
    table = pd.DataFrame(rows, columns=COLUMNS)
    table.insert(0, "sample", args.sample)
    table.insert(1, "program", args.program)
    compared = (
        [gene for gene in genes if gene.biotype in args.biotypes]
        for genes in (annotated, predicted)
    )
    with atomic_all([args.out, args.locus]) as [tsv, json]:
        write_tsv(tsv, table)
        write_json(json, {"sample": args.sample, "program": args.program, **locus(*compared)})
    for row in table[table["part"] == ALL].itertuples():
        log.info("%s, %s: F1 %.4f", row.biotype, row.level, row.f1)


if __name__ == "__main__":
    run(main, arguments())
