#!/usr/bin/env python3
"""Compare all experiments in one table and one figure."""

import argparse
from pathlib import Path

from seqloom.cli import parser, run
from seqloom.files.atomic import atomic_all
from seqloom.files.json_files import write_json
from seqloom.files.provenance import provenance
from seqloom.files.tables import write_tsv
from seqloom.learn.comparison import comparison_table
from seqloom.report.figures import write_comparison


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument(
        "--evaluations",
        type=Path,
        nargs="+",
        required=True,
        help="folders with metrics.json",
    )
    options.add_argument("--out", type=Path, required=True, help="TSV; beside it .json")
    options.add_argument("--figure", type=Path, required=True, help="SVG")
    return options


def main(args: argparse.Namespace) -> None:
    table = comparison_table(args.evaluations)
    inputs = {f"metrics of {folder.name}": folder / "metrics.json" for folder in args.evaluations}
    origin = provenance("compare", inputs, {}, ("pandas", "matplotlib"))
    with atomic_all([args.out, args.figure, args.out.with_suffix(".json")]) as (tsv, svg, json):
        write_tsv(tsv, table)
        write_comparison(svg, table)
        write_json(json, {"provenance": origin})


if __name__ == "__main__":
    run(main, arguments())
