#!/usr/bin/env python3
"""Split the labeled contigs by group into train, validation and test, and audit for leaks."""

import argparse
import json
import logging
from pathlib import Path

from seqloom.cli import parser, run
from seqloom.errors import InputError
from seqloom.files.atomic import atomic_all
from seqloom.files.provenance import as_strings, provenance
from seqloom.files.tables import write_table, write_tsv
from seqloom.learn.audit import audit_split, refuse_leaks
from seqloom.learn.equal import equal_contigs, equality_row, merged_groups
from seqloom.learn.split import BALANCES, labeled_contigs, split_table

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--experiment", required=True)
    options.add_argument(
        "--samples",
        type=json.loads,
        nargs="+",
        required=True,
        help="JSON objects {sample, label, category, groups}; groups is a TSV or null",
    )
    options.add_argument(
        "--contigs", type=Path, nargs="+", required=True, help="TSV of plan.py, one per sample"
    )
    options.add_argument(
        "--genomes", type=Path, nargs="+", required=True, help="of index.py, in the same order"
    )
    options.add_argument("--fractions", type=float, nargs=3, default=[0.7, 0.15, 0.15])
    options.add_argument("--balance", choices=list(BALANCES), default="category")
    options.add_argument("--seed", type=int, default=42)
    options.add_argument(
        "--max-containment",
        type=float,
        default=0.1,
        help="stop if a contig has more of the 21-mers of one on the other side of the split",
    )
    options.add_argument("--out", type=Path, required=True, help="parquet, a row per contig")
    options.add_argument("--audit", type=Path, required=True, help="TSV of counts and containment")
    options.add_argument("--leaks", type=Path, required=True, help="TSV, a row per related contig")
    return options


def main(args: argparse.Namespace) -> None:
    names = [sample["sample"] for sample in args.samples]
    if not len(names) == len(args.contigs) == len(args.genomes):
        raise InputError("--samples, --contigs and --genomes differ in number; give one each")
    contigs = labeled_contigs(args.samples, args.contigs)
    equal = equal_contigs(contigs)
    contigs["group"] = merged_groups(contigs["group"], equal)
    equality = equality_row(equal, contigs["group"])
    split = split_table(contigs, args.fractions, args.balance, args.seed)
    audit = audit_split(split, dict(zip(names, args.genomes, strict=True)), equality)
    log.info("%s", audit.summary.drop(columns="note").to_string(index=False, na_rep=""))
    refuse_leaks(audit.leaks, args.max_containment)
    inputs = {f"contigs of {name}": table for name, table in zip(names, args.contigs, strict=True)}
    inputs |= {f"groups of {s['sample']}": s["groups"] for s in args.samples if s["groups"]}
    settings = {
        "samples": {s["sample"]: [s["label"], s["category"]] for s in args.samples},
        "fractions": args.fractions,
        "balance": args.balance,
        "max_containment": args.max_containment,
        "seed": args.seed,
    }
    metadata = {
        "experiment": args.experiment,
        "seed": args.seed,
        "provenance": provenance("split", inputs, settings, ("pulp", "sourmash")),
    }
    with atomic_all([args.out, args.audit, args.leaks]) as (table, summary, leaks):
        write_table(table, split, as_strings(metadata))
        write_tsv(summary, audit.summary)
        write_tsv(leaks, audit.leaks)


if __name__ == "__main__":
    run(main, arguments())
