#!/usr/bin/env python3
"""Write the proteins of one shard."""

import argparse
import logging

from seqloom.cli import parser, run, without_pandas
from seqloom.files.provenance import provenance
from seqloom.seqs.genome import open_genome
from seqloom.seqs.plans import genome_digest, read_plan
from seqloom.seqs.shards import protein_batch, write_shard
from seqloom.seqs.windows import window_layout

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--genome", required=True, help="indexed .fa.gz of the sample")
    options.add_argument("--plan", required=True, help="made with --whole")
    options.add_argument("--sample", required=True)
    options.add_argument("--shard", required=True, help="such as 0001-of-0002")
    options.add_argument("--out", required=True, help="prefix of .parquet and .faa")
    return options


def main(args: argparse.Namespace) -> None:
    genome = open_genome(args.genome)
    layout = window_layout(genome, None)
    plan, plan_metadata = read_plan(args.plan, layout)
    metadata = {
        "sample": args.sample,
        "cut": "whole",
        "cut_settings": {},
        "molecule": "protein",
        "shard": args.shard,
        "provenance": provenance(
            "proteins", {"plan": args.plan}, {}, digests=genome_digest(plan_metadata)
        ),
    }
    batch = protein_batch(genome, layout, plan, args.shard)
    rows = write_shard(args.out, (".faa",), [batch], metadata)
    log.info("%s %s: %d proteins", args.sample, args.shard, rows)


if __name__ == "__main__":
    without_pandas()
    run(main, arguments())
