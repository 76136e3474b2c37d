#!/usr/bin/env python3
"""Pack the folder of a trained classifier into one file to give away; predict takes either."""

import argparse
from pathlib import Path

from seqloom.cli import parser, run
from seqloom.errors import InputError
from seqloom.files.atomic import atomic
from seqloom.files.packed import classifier_problem, pack


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--classifier", type=Path, required=True, help="folder")
    options.add_argument("--out", type=Path, required=True, help="such as my.seqloom.zip")
    return options


def main(args: argparse.Namespace) -> None:
    if problem := classifier_problem(args.classifier):
        raise InputError(f"{args.classifier} {problem}")
    with atomic(args.out) as temporary:
        pack(args.classifier, temporary)


if __name__ == "__main__":
    run(main, arguments())
