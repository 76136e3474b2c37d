#!/usr/bin/env python3
"""Read the coding sequences (CDS) of a sample from its annotation into one table."""

import argparse
import logging

import pyarrow.compute as pc

from seqloom.cli import parser, run, without_pandas
from seqloom.files.atomic import atomic
from seqloom.files.provenance import as_strings, provenance
from seqloom.files.tables import write_arrow
from seqloom.seqs.annotations import read_annotations
from seqloom.seqs.contigs import read_lengths

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument(
        "--annotation", nargs="+", required=True, help="GFF3 or GenBank; plain or compressed"
    )
    options.add_argument("--records", required=True, help=".tsv of index.py")
    options.add_argument("--genetic-code", type=int, default=1, help="number of the NCBI table")
    options.add_argument("--out", required=True, help="parquet, one row per segment of a CDS")
    return options


def main(args: argparse.Namespace) -> None:
    lengths = read_lengths(args.records)
    table = read_annotations(args.annotation, lengths, args.genetic_code)
    inputs = {f"annotation {i}": path for i, path in enumerate(args.annotation, start=1)}
    metadata = {
        "provenance": provenance(
            "coding",
            inputs | {"records": args.records},
            {"genetic_code": args.genetic_code},
            ("biopython", "xopen"),
        )
    }
    with atomic(args.out) as file:
        write_arrow(file, table, as_strings(metadata))
    log.info("%d CDS in %d segments", pc.max(table["cds"]).as_py() + 1, len(table))


if __name__ == "__main__":
    without_pandas()
    run(main, arguments())
