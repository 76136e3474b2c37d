#!/usr/bin/env python3
"""Compare all experiments in one table and one figure."""

import argparse
from pathlib import Path

import pandas as pd

from seqloom.cli import parser, run
from seqloom.files.atomic import atomic, atomic_all
from seqloom.files.json_files import write_json
from seqloom.files.provenance import provenance
from seqloom.files.tables import write_tsv
from seqloom.learn.comparison import Evaluation, comparison_rows
from seqloom.learn.costs import costs
from seqloom.report.figures import write_comparison


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument(
        "--evaluations",
        type=Path,
        nargs="+",
        required=True,
        help="folders",
    )
    options.add_argument(
        "--weights", type=int, nargs="+", required=True, help="millions in their models"
    )
    options.add_argument(
        "--benchmarks", type=Path, help="folder with embed/; backends.tsv is written there"
    )
    options.add_argument("--embeddings", type=Path, help="folder of the shards that embed/ timed")
    options.add_argument("--out", type=Path, required=True, help="TSV; beside it .json")
    options.add_argument("--figure", type=Path, required=True, help="SVG")
    return options


def main(args: argparse.Namespace) -> None:
    pairs = zip(args.evaluations, args.weights, strict=True)
    rows = comparison_rows([Evaluation(folder, weights) for folder, weights in pairs])
    table = pd.DataFrame(rows)
    inputs = {
        f"{file} of {folder.name}": folder / file
        for folder in args.evaluations
        for file in ("metrics.json", "contigs.parquet", "predictions.parquet")
    }
    origin = provenance("compare", inputs, {"weights": args.weights}, ("pandas", "matplotlib"))
    with atomic_all([args.out, args.figure, args.out.with_suffix(".json")]) as (tsv, svg, json):
        write_tsv(tsv, table)
        write_comparison(svg, table)
        write_json(json, {"rows": rows, "provenance": origin})
    if args.benchmarks and args.benchmarks.is_dir():
        # Not a result: what a job takes differs from run to run.
        with atomic(args.benchmarks / "backends.tsv") as file:
            write_tsv(file, costs(args.benchmarks / "embed", args.embeddings))


if __name__ == "__main__":
    run(main, arguments())
