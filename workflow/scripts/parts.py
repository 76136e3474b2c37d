#!/usr/bin/env python3
"""Say which stretches of annotated genomes are for training and which are held out."""

import argparse
import json
import logging
from pathlib import Path

import pandas as pd

from seqloom.annotate.parts import parts_table
from seqloom.cli import add_held_out_arguments, parser, run
from seqloom.config.held_out import held_out
from seqloom.errors import InputError
from seqloom.files.atomic import atomic
from seqloom.files.tables import write_tsv
from seqloom.learn.split import with_groups
from seqloom.seqs.contigs import read_contigs

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument(
        "--samples",
        type=json.loads,
        nargs="+",
        required=True,
        help="JSON objects {sample, groups}; groups is a TSV or null",
    )
    options.add_argument(
        "--records", type=Path, nargs="+", required=True, help="TSV of index.py, one per sample"
    )
    add_held_out_arguments(options)
    options.add_argument("--out", type=Path, required=True, help="TSV, a row per stretch")
    return options


def main(args: argparse.Namespace) -> None:
    if len(args.samples) != len(args.records):
        raise InputError("--samples and --records differ in number; give one each")
    tables = [
        read_contigs(path)
        .select(["contig", "length", "sha256"])
        .to_pandas()
        .assign(sample=sample["sample"])
        for sample, path in zip(args.samples, args.records, strict=True)
    ]
    contigs = with_groups(pd.concat(tables, ignore_index=True), args.samples)
    table = parts_table(contigs, held_out(vars(args)))
    with atomic(args.out) as file:
        write_tsv(file, table)
    bases = (table["end"] - table["start"]).groupby(table["part"]).sum()
    log.info("bases: %s", ", ".join(f"{count:,} of {part}" for part, count in bases.items()))


if __name__ == "__main__":
    run(main, arguments())
