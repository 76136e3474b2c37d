#!/usr/bin/env python3
"""Write the demo data: annotated training genomes, a metagenome with its truth, and proteins."""

import argparse
import logging
from pathlib import Path

from seqloom.cli import parser, run
from seqloom.demo.demo_files import demo_files, write_files
from seqloom.demo.simulate import simulate

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--seed", type=int, default=1, help="the same seed gives the same bytes")
    options.add_argument("--out", type=Path, required=True, help="folder to write to")
    return options


def main(args: argparse.Namespace) -> None:
    files = demo_files(simulate(args.seed))
    write_files(args.out, files)
    log.info("wrote %d files to %s", len(files), args.out)


if __name__ == "__main__":
    run(main, arguments())
