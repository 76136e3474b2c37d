#!/usr/bin/env python3
"""Run BUSCO on proteins and keep its counts."""

import argparse
import logging
from pathlib import Path

from seqloom.annotate.busco import run_busco
from seqloom.cli import parser, positive, run
from seqloom.files.json_files import write_json
from seqloom.files.provenance import provenance

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--proteins", type=Path, required=True, help=".faa")
    options.add_argument("--lineage", type=Path, required=True, help="folder of a BUSCO lineage")
    options.add_argument("--sample", required=True)
    options.add_argument("--program", required=True)
    options.add_argument("--threads", type=positive, default=1)
    options.add_argument("--out", required=True, help=".json")
    return options


def main(args: argparse.Namespace) -> None:
    found = run_busco(args.proteins, args.lineage, args.threads)
    origin = provenance("busco", {"proteins": args.proteins}, {"lineage": args.lineage.name})
    write_json(
        args.out,
        {"sample": args.sample, "program": args.program, **found, "provenance": origin},
    )
    log.info("%d of %d are complete", found["complete"], found["markers"])


if __name__ == "__main__":
    run(main, arguments())
