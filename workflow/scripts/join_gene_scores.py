#!/usr/bin/env python3
"""Join the scores of all programs and samples, and the completeness of their proteins."""

import argparse
from pathlib import Path

import pandas as pd

from seqloom.annotate.evaluation import COLUMNS
from seqloom.cli import parser, run
from seqloom.files.atomic import atomic
from seqloom.files.json_files import read_json
from seqloom.files.tables import open_tsv, write_tsv


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--scores", type=Path, nargs="+", default=[], help=".tsv")
    options.add_argument("--busco", type=Path, nargs="+", default=[], help=".json")
    options.add_argument("--out", required=True, help=".tsv")
    return options


def main(args: argparse.Namespace) -> None:
    tables = [pd.DataFrame(columns=["sample", "program", *COLUMNS])]
    for path in args.scores:
        with open_tsv(path, "sample") as file:
            # A sample may be called NA.
            tables.append(pd.read_csv(file, sep="\t", dtype=str, keep_default_na=False))
    tables += [pd.DataFrame([_busco_row(read_json(path))]) for path in args.busco]
    with atomic(args.out) as temporary:
        write_tsv(temporary, pd.concat(tables, ignore_index=True))


def _busco_row(card: dict) -> dict[str, object]:
    """The markers that are complete, as annotated genes that are found."""
    named = {key: card[key] for key in ("sample", "program")} | {"part": "all", "biotype": "CDS"}
    markers, complete = card["markers"], card["complete"]
    return named | {
        "level": "busco",
        "annotated": markers,
        "found": complete,
        "recall": f"{complete / markers:.4f}",
    }


if __name__ == "__main__":
    run(main, arguments())
