#!/usr/bin/env python3
"""Read the windows of one shard in six frames."""

import argparse
import logging
from dataclasses import asdict

from seqloom.cli import add_cut_arguments, code_of, cut_of, parser, run, without_pandas
from seqloom.files.provenance import provenance
from seqloom.seqs.genome import open_genome
from seqloom.seqs.plans import check_plan, genome_digest, read_plan
from seqloom.seqs.shards import frame_batches, write_shard
from seqloom.seqs.windows import window_layout

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--genome", required=True, help="indexed .fa.gz of the sample")
    options.add_argument("--plan", required=True, help="plan of the sample under the same cut")
    options.add_argument("--sample", required=True)
    options.add_argument("--cut-name", required=True)
    add_cut_arguments(options)
    options.add_argument("--shard", required=True, help="such as 0003-of-0016")
    options.add_argument("--out", required=True, help="prefix of .parquet, .fna and .faa")
    return options


def main(args: argparse.Namespace) -> None:
    cut, code, genome = cut_of(args), code_of(args), open_genome(args.genome)
    layout = window_layout(genome, cut.window)
    plan, plan_metadata = read_plan(args.plan, layout)
    settings = {**asdict(cut), "genetic_code": code}
    check_plan(args.plan, plan_metadata, settings)
    metadata = {
        "sample": args.sample,
        "cut": args.cut_name,
        "cut_settings": asdict(cut),
        "molecule": "dna",
        "shard": args.shard,
        "provenance": provenance(
            "frames",
            inputs={"plan": args.plan},
            settings=settings,
            packages=("numpy", "biopython"),
            digests=genome_digest(plan_metadata),
        ),
    }
    batches = frame_batches(genome, layout, plan, args.shard, cut, code)
    rows = write_shard(args.out, (".fna", ".faa"), batches, metadata)
    log.info("%s %s %s: %d frames", args.sample, args.cut_name, args.shard, rows)


if __name__ == "__main__":
    without_pandas()
    run(main, arguments())
