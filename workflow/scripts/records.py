#!/usr/bin/env python3
"""List what became of each record of a protein sample in one backend."""

import argparse
import logging
from collections import Counter
from pathlib import Path

import pandas as pd

from seqloom.cli import parser, run
from seqloom.embedding.records import COLUMNS, records_of, with_empty_records
from seqloom.files.atomic import atomic
from seqloom.files.tables import write_tsv
from seqloom.seqs.contigs import read_contigs

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--contigs", type=Path, required=True, help="table of the records")
    options.add_argument("--frames", type=Path, nargs="+", required=True, help="a table per shard")
    options.add_argument("--embeddings", type=Path, nargs="+", required=True, help="in this order")
    options.add_argument("--out", type=Path, required=True, help="TSV to write")
    return options


def main(args: argparse.Namespace) -> None:
    pairs = zip(args.frames, args.embeddings, strict=True)
    read = [record for pair in pairs for record in records_of(*pair)]
    records = list(with_empty_records(read_contigs(args.contigs), read))
    with atomic(args.out) as temporary:
        write_tsv(temporary, pd.DataFrame(records, columns=COLUMNS))
    counts = Counter(record["status"] for record in records)
    log.info("%d records: %s", len(records), ", ".join(f"{n} {s}" for s, n in counts.items()))


if __name__ == "__main__":
    run(main, arguments())
