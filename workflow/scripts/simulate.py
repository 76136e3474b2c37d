#!/usr/bin/env python3
"""Write the demo data: annotated training genomes, a metagenome with its truth, and proteins."""

import argparse
import gzip
import logging
from pathlib import Path

from seqloom.cli import parser, run
from seqloom.demo.demo_files import demo_files
from seqloom.demo.simulate import simulate
from seqloom.files.atomic import atomic_all

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--seed", type=int, default=1, help="the same seed gives the same bytes")
    options.add_argument("--out", type=Path, required=True, help="folder to write to")
    return options


def main(args: argparse.Namespace) -> None:
    files = demo_files(simulate(args.seed))
    with atomic_all([args.out / name for name in files]) as temporaries:
        for temporary, (name, text) in zip(temporaries, files.items(), strict=True):
            data = text.encode()
            # mtime=0, because gzip would store the time and the bytes would differ between runs.
            temporary.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
    log.info("wrote %d files to %s", len(files), args.out)


if __name__ == "__main__":
    run(main, arguments())
