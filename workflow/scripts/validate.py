#!/usr/bin/env python3
"""Check a finished protein set, or training set of VirNucPro; a failed check gives exit code 1."""

import argparse
import logging
import sys
from pathlib import Path

import pyarrow as pa

from seqloom.cli import parser, positive, run
from seqloom.errors import InputError
from seqloom.files.atomic import atomic
from seqloom.files.tables import write_arrow_tsv

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    kinds = options.add_subparsers(required=True)
    proteins = kinds.add_parser("proteins", help="the embeddings of a protein sample")
    proteins.set_defaults(validate=validate_proteins)
    proteins.add_argument("--contigs", type=Path, required=True, help="table of the records")
    proteins.add_argument("--genome", type=Path, required=True, help="indexed .fa.gz of the sample")
    proteins.add_argument("--frames", type=Path, nargs="+", required=True, help="a table per shard")
    proteins.add_argument("--models", type=Path, nargs="+", required=True, help="their folders")
    proteins.add_argument(
        "--embeddings", type=Path, nargs="+", required=True, help="per model, all shards"
    )
    proteins.add_argument("--records", type=positive, default=16, help="that are embedded again")
    proteins.add_argument("--seed", type=int, default=42, help="of their choice")
    proteins.add_argument("--threads", type=positive, default=1)
    proteins.add_argument("--out", type=Path, required=True, help="table to write")

    legacy = kinds.add_parser("virnucpro", help="the payloads of VirNucPro")
    legacy.set_defaults(validate=validate_virnucpro)
    legacy.add_argument("payloads", type=Path, nargs="+", help="files or folders")
    legacy.add_argument(
        "--columns", type=positive, nargs=2, default=[768, 1280], help="of DNA and protein"
    )
    legacy.add_argument("--out", type=Path, help="table to write, which is also printed")

    tables = kinds.add_parser("tables", help="of finished validations: print them")
    tables.set_defaults(validate=validate_tables)
    tables.add_argument("tables", type=Path, nargs="*")
    return options


def main(args: argparse.Namespace) -> None:
    args.validate(args)


def validate_proteins(args: argparse.Namespace) -> None:
    from seqloom.embedding.validation import ProteinSet, checks_table, protein_checks

    shards = len(args.frames)
    if len(args.embeddings) != shards * len(args.models):
        raise InputError(
            f"{len(args.embeddings)} embeddings, but {shards} tables and {len(args.models)} "
            "models; give one per table for each model"
        )
    starts = range(0, len(args.embeddings), shards)
    embeddings = [args.embeddings[start : start + shards] for start in starts]
    files = ProteinSet(args.contigs, args.genome, args.frames, args.models, embeddings)
    checks = list(protein_checks(files, args.records, args.seed, args.threads))
    conclude(checks_table(checks, "backend"), args.out)


def validate_virnucpro(args: argparse.Namespace) -> None:
    from seqloom.embedding.payload_checks import payload_checks, payload_files
    from seqloom.embedding.validation import checks_table

    checks = list(payload_checks(payload_files(args.payloads), args.columns))
    conclude(checks_table(checks, "file"), args.out)


def conclude(table: pa.Table, out: Path | None) -> None:
    """Write and print a table; a failed check is an error."""
    if out:
        with atomic(out) as file:
            write_arrow_tsv(file, table)
    print(*table.column_names, sep="\t")
    for row in table.to_pylist():
        print(*row.values(), sep="\t")
    refuse(table["result"].to_pylist().count("failed"), len(table))


def validate_tables(args: argparse.Namespace) -> None:
    if not args.tables:
        raise InputError("there is no protein sample, or no protein_backends; add both to validate")
    rows = []
    for table in args.tables:
        print(table, table.read_text(), sep="\n")
        rows += table.read_text().splitlines()[1:]
    refuse(sum(row.split("\t")[2] == "failed" for row in rows), len(rows))


def refuse(failed: int, checks: int) -> None:
    sys.stdout.flush()
    if failed:
        raise InputError(f"{failed} of {checks} checks failed; see the table")
    log.info("all %d checks hold", checks)


if __name__ == "__main__":
    run(main, arguments())
