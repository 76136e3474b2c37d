#!/usr/bin/env python3
"""All experiments and their baselines in one table and one figure."""

import argparse
from pathlib import Path

from seqloom.cli import parser, run
from seqloom.files import atomic_all
from seqloom.learn.comparison import comparison_table
from seqloom.learn.figures import write_comparison


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument(
        "--evaluations",
        type=Path,
        nargs="+",
        required=True,
        help="folders with metrics.json and baseline.json",
    )
    options.add_argument("--out", type=Path, required=True, help="TSV")
    options.add_argument("--figure", type=Path, required=True, help="SVG")
    return options


def main(args: argparse.Namespace) -> None:
    table = comparison_table(args.evaluations)
    with atomic_all([args.out, args.figure]) as (tsv, svg):
        table.to_csv(tsv, sep="\t", index=False, float_format="%.4f", lineterminator="\n")
        write_comparison(svg, table)


if __name__ == "__main__":
    run(main, arguments())
