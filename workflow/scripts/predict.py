#!/usr/bin/env python3
"""Call the contigs of a sample with a trained classifier: tables, regions, viral sequences."""

import argparse
import logging
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from seqloom.calls.contig_calls import VIRAL, Rule, check_complete, contig_calls, window_table
from seqloom.calls.hmm import Chain
from seqloom.calls.legacy import write_legacy
from seqloom.calls.region_files import (
    write_bed,
    write_contigs_fasta,
    write_gff3,
    write_regions_fasta,
)
from seqloom.calls.regions import viral_regions, with_regions
from seqloom.calls.rollups import VIRNUCPRO, WEIGHTED_DELTA
from seqloom.calls.summary import summary
from seqloom.cli import parser, run
from seqloom.embedding.matrices import shard_digests
from seqloom.files.atomic import atomic_all
from seqloom.files.json_files import write_json
from seqloom.files.packed import classifier_files, classifier_folder
from seqloom.files.provenance import as_strings, provenance
from seqloom.files.tables import read_table, write_table, write_tsv
from seqloom.learn.classifier import Classifier, load, log_odds
from seqloom.learn.features import check_shards, feature_matrix
from seqloom.learn.scores import MEAN
from seqloom.learn.verdict import learning_failure, warning
from seqloom.seqs.contigs import check_contigs, read_contigs
from seqloom.seqs.genome import open_genome

log = logging.getLogger(__name__)

FILES = (
    *("contigs.tsv", "windows.parquet", "regions.tsv", "regions.gff3", "regions.bed"),
    *("regions.fna.gz", "viral.fna.gz", "summary.json"),
)
LEGACY = ("prediction_results.txt", "prediction_results_highestscore.csv")
ROLLUPS = (MEAN, VIRNUCPRO, WEIGHTED_DELTA)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--classifier", type=Path, required=True, help="folder, or packed")
    options.add_argument("--sample", required=True, help="its name")
    options.add_argument("--contigs", type=Path, required=True, help="TSV of plan.py")
    options.add_argument("--genome", type=Path, required=True, help="bgzip of index.py")
    options.add_argument("--frames", type=Path, nargs="+", required=True, help="a table per shard")
    options.add_argument("--fused", type=Path, nargs="+", required=True, help="in this order")
    options.add_argument("--prevalence", type=float, default=0.5, help="share of viral contigs")
    options.add_argument("--threshold", type=float, default=0.7, help="least for viral")
    options.add_argument("--host-threshold", type=float, default=0.3, help="below it is host")
    options.add_argument("--rollup", choices=ROLLUPS, help="that of the classifier if absent")
    options.add_argument("--min-windows", type=int, default=1, help="least for a call")
    options.add_argument(
        "--region-length", type=int, default=20000, help="mean length of viral regions"
    )
    options.add_argument("--region-share", type=float, default=0.02, help="of viral bases")
    options.add_argument("--max-fdr", type=float, help="of contigs in viral.fna.gz")
    options.add_argument("--legacy", action="store_true", help="write the files of VirNucPro too")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--out", type=Path, required=True, help="folder of the prediction")
    return options


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    with classifier_folder(args.classifier) as folder:
        classifier = load(folder)
    description = classifier.description
    check_shards(description, args.frames, args.fused)
    shards = zip(args.frames, args.fused, strict=True)
    tables = [scored(classifier, *shard, args.legacy) for shard in shards]
    frames = pd.concat(tables, ignore_index=True)
    contigs, genome = read_contigs(args.contigs), open_genome(args.genome)
    records = contigs.to_pandas()
    check_complete(records, frames, args.contigs)
    check_contigs(args.contigs, contigs, genome)

    rule = Rule(**{field.name: getattr(args, field.name) for field in fields(Rule)})
    rule = replace(rule, rollup=args.rollup or description["rollup"])
    chain = Chain(args.region_length, args.region_share)
    windows = window_table(frames, description["calibration"]["frame"])
    failure, doubt = learning_failure(description), warning(description)
    if failure:
        windows["probability"] = np.nan
    calls = contig_calls(records, windows, description, rule)
    lengths = dict(zip(records["contig"], records["length"], strict=True))
    regions = viral_regions(windows, description["calibration"], lengths, chain)
    calls = with_regions(calls, regions)
    inputs = {"contigs": args.contigs, "genome": args.genome}
    inputs |= dict(zip(("classifier", "weights"), classifier_files(args.classifier), strict=False))
    names = {"experiment": description["experiment"], "sample": args.sample}
    digests = shard_digests(frames=args.frames, fused=args.fused)
    chosen = asdict(rule) | {"regions": vars(chain), "max_fdr": args.max_fdr}
    origin = {"provenance": provenance("predict", inputs, chosen, ("torch", "pandas"), digests)}
    card = {
        **names,
        "warning": doubt,
        **summary(calls, regions, rule.prevalence),
        **asdict(rule),
        "max_fdr": args.max_fdr,
        "random": any(backend["random"] for backend in description["backends"]),
        **origin,
    }
    is_written = calls["call"] == VIRAL
    if args.max_fdr is not None:
        is_written &= calls["fdr"] <= args.max_fdr
    viral = dict(records.loc[is_written, ["contig", "header"]].to_numpy())
    written = FILES + (LEGACY if args.legacy else ())
    files = atomic_all([args.out / name for name in written])
    with files as (tsv, parquet, table, gff3, bed, parts, fna, json, *legacy):
        write_tsv(tsv, calls.drop(columns="log_odds"))
        write_table(parquet, windows, as_strings(names | origin))
        write_tsv(table, regions)
        write_gff3(gff3, regions, lengths)
        write_bed(bed, regions)
        write_regions_fasta(parts, regions, genome)
        write_contigs_fasta(fna, viral, genome)
        write_json(json, card)
        if args.legacy:
            write_legacy(*legacy, frames[frames["row"].notna()])
    if doubt:
        log.warning("%s", doubt)
    log.info("%s by %s: %s", args.sample, names["experiment"], card["contigs"])


def scored(
    classifier: Classifier, frame_file: Path, fused_file: Path, with_ids: bool
) -> pd.DataFrame:
    """The rows of a shard with the log-odds of each frame."""
    columns = ["row", "id", "contig", "window", "start", "end", "status"]
    frames = read_table(frame_file, columns).to_pandas().assign(logit=np.nan)
    present = frames["row"].notna()
    rows = frames[present].astype({"row": "int64"}).assign(file=0).reset_index(drop=True)
    if len(rows):
        frames.loc[present, "logit"] = log_odds(classifier, feature_matrix(rows, [fused_file]))
    return frames if with_ids else frames.drop(columns="id")


if __name__ == "__main__":
    run(main, arguments())
