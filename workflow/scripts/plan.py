#!/usr/bin/env python3
"""Count the windows and frames of every contig under a cut, and choose those that are read."""

import argparse
import logging
from dataclasses import asdict

import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqloom.cli import parser, run
from seqloom.files import atomic
from seqloom.provenance import as_strings, provenance
from seqloom.seqs.contigs import open_genome, read_contigs
from seqloom.seqs.plans import frame_plan, whole_plan
from seqloom.seqs.windows import add_cut_arguments, cut_of

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--contigs", required=True, help="contigs.tsv of the sample")
    options.add_argument("--genome", required=True, help="indexed .fa.gz of the sample")
    options.add_argument("--whole", action="store_true", help="proteins: each is one window")
    add_cut_arguments(options)
    options.add_argument("--max-frames", type=int, help="keep at most so many; default: all")
    options.add_argument("--seed", type=int, default=42, help="of the choice of windows")
    options.add_argument("--out", required=True, help="parquet, one row per contig")
    return options


def main(args: argparse.Namespace) -> None:
    contigs, cut = read_contigs(args.contigs), cut_of(args)
    if args.whole:
        plan, settings = whole_plan(contigs), {"whole": True}
    else:
        chosen = {"seed": args.seed, "max_frames": args.max_frames}
        plan = frame_plan(contigs, open_genome(args.genome), cut, args.genetic_code, **chosen)
        settings = {**asdict(cut), "genetic_code": args.genetic_code, **chosen}
    inputs = {"contigs": args.contigs, "genome": args.genome}
    metadata = {"provenance": provenance("plan", inputs, settings, ("numpy", "biopython"))}
    with atomic(args.out) as file:
        pq.write_table(plan.replace_schema_metadata(as_strings(metadata)), file)
    columns = ("windows", "frames", "kept_windows", "kept_frames")
    log.info("%s", ", ".join(f"{pc.sum(plan[c], min_count=0)} {c}" for c in columns))


if __name__ == "__main__":
    run(main, arguments())
