#!/usr/bin/env python3
"""Find and count the frames of all windows under a cut, and choose the used ones."""

import argparse
import logging
from dataclasses import asdict

import pyarrow as pa

from seqloom.cli import add_cut_arguments, code_of, cut_of, parser, positive, run, without_pandas
from seqloom.errors import InputError
from seqloom.files.atomic import atomic_all
from seqloom.files.json_files import write_json
from seqloom.files.provenance import as_strings, provenance
from seqloom.files.tables import read_table, write_arrow, write_arrow_tsv
from seqloom.seqs.contigs import COUNTS, check_contigs, planned_contigs, read_contigs
from seqloom.seqs.genome import open_genome
from seqloom.seqs.plans import SCHEMA, frame_plan, protein_plan, sampled, training_filter
from seqloom.seqs.windows import window_layout

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--records", required=True, help=".tsv of index.py")
    options.add_argument("--genome", required=True, help="indexed .fa.gz of the sample")
    options.add_argument("--whole", action="store_true", help="proteins: each is one window")
    add_cut_arguments(options)
    options.add_argument("--coding", help="table of coding.py, where --training is not all")
    options.add_argument("--max-frames", type=positive, help="use at most so many; default: all")
    options.add_argument("--seed", type=int, default=42, help="of the choice of windows")
    options.add_argument("--contigs", required=True, help=".tsv; a .json appears beside it")
    options.add_argument("--out", required=True, help="parquet, one row per window")
    return options


def main(args: argparse.Namespace) -> None:
    records, genome, cut = read_contigs(args.records), open_genome(args.genome), cut_of(args)
    check_contigs(args.records, records, genome)
    inputs = {"records": args.records, "genome": args.genome}
    layout = window_layout(genome, None if args.whole else cut.window)
    if args.whole:
        settings = {"whole": True}
        plan = protein_plan(layout, records["status"].to_numpy() == "all_ambiguous")
    else:
        if args.coding and cut.training == "all":
            raise InputError("--coding goes with --training coding or virnucpro, not with all")
        code = code_of(args)
        settings = {**asdict(cut), "genetic_code": code}
        coding = None
        if args.coding:
            inputs["coding"] = args.coding
            annotation = read_table(args.coding)
            coding = training_filter(cut, code, annotation, layout.names)
        plan = frame_plan(genome, layout, cut, code, coding)
    if args.max_frames:
        settings |= {"seed": args.seed, "max_frames": args.max_frames}
        plan = sampled(plan, layout, args.seed, args.max_frames)
    contigs = planned_contigs(records, layout, plan)
    counts = {name: int(contigs[name].to_numpy().sum()) for name in COUNTS}
    metadata = {"provenance": provenance("plan", inputs, settings, ("numpy", "biopython"))}
    card = args.contigs.removesuffix(".tsv") + ".json"
    with atomic_all([args.out, args.contigs, card]) as (plan_file, contig_file, card_file):
        write_arrow(plan_file, pa.table([plan], schema=SCHEMA), as_strings(metadata))
        write_arrow_tsv(contig_file, contigs)
        write_json(card_file, {"contigs": len(contigs), **counts, **metadata})
    log.info("%s", ", ".join(f"{count} {name}" for name, count in counts.items()))


if __name__ == "__main__":
    without_pandas()
    run(main, arguments())
