#!/usr/bin/env python3
"""Evaluate a classifier on the test part: metrics and figures for frames, windows and contigs."""

import argparse
import logging
from pathlib import Path

import torch

from seqloom.cli import parser, run
from seqloom.embedding.matrices import shard_digests
from seqloom.errors import InputError
from seqloom.files.atomic import atomic_all
from seqloom.files.checksums import sha256
from seqloom.files.json_files import write_json
from seqloom.files.provenance import as_strings, provenance
from seqloom.files.tables import read_table, read_table_metadata, write_table, write_tsv
from seqloom.learn.classifier import load, log_odds
from seqloom.learn.features import check_shards, chosen_frames, feature_matrix
from seqloom.learn.metrics import CONTIG, all_metrics, level_tables
from seqloom.learn.strata import strata_table, sweep_table
from seqloom.learn.verdict import warning
from seqloom.report.figures import write_calibration, write_pca, write_roc, write_sweep

log = logging.getLogger(__name__)

FILES = ("metrics.json", "predictions.parquet", "contigs.parquet", "strata.tsv", "sweep.tsv")
FIGURES = ("roc.svg", "calibration.svg", "sweep.svg", "pca.svg")
COLUMNS = ["sample", "contig", "id", "window", "label", "category", "group", "logit", "probability"]
CONTIGS = ["sample", "contig", "length", "gc", "scored", *COLUMNS[4:]]


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--classifier", type=Path, required=True, help="folder")
    options.add_argument("--split", type=Path, required=True)
    options.add_argument("--frames", type=Path, nargs="+", required=True, help="a table per shard")
    options.add_argument("--fused", type=Path, nargs="+", required=True, help="in this order")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--out", type=Path, required=True, help="folder of the evaluation")
    return options


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    classifier = load(args.classifier)
    description = classifier.description
    if sha256(args.split) != description["provenance"]["inputs"]["split"]["sha256"]:
        raise InputError(
            f"{args.split}: {args.classifier} was trained on another split and may have seen the "
            "test part; train again"
        )
    check_shards(description, args.frames, args.fused)
    test = chosen_frames(args.split, args.frames, "test")
    features = feature_matrix(test, args.fused)
    test["logit"] = log_odds(classifier, features)
    tables = level_tables(test, description["calibration"])
    facts = read_table(args.split, [*CONTIG, "length", "gc"]).to_pandas()
    contigs = tables["contig"].merge(facts, on=CONTIG)
    sweep = sweep_table(contigs)
    doubt = warning(description)
    inputs = {
        "weights": args.classifier / "classifier.safetensors",
        "classifier": args.classifier / "classifier.json",
        "split": args.split,
    }
    digests = shard_digests(frames=args.frames, fused=args.fused)
    origin = provenance("evaluate", inputs, {}, ("torch", "scikit-learn"), digests)
    metrics = {
        "experiment": description["experiment"],
        "warning": doubt,
        "split": read_table_metadata(args.split)["experiment"],
        "fusion": description["fusion"],
        "cut": description["cut"],
        "columns": description["architecture"]["columns"],
        "random": any(backend["random"] for backend in description["backends"]),
        "levels": all_metrics(tables),
        "provenance": origin,
    }
    with atomic_all([args.out / name for name in FILES + FIGURES]) as (
        json,
        predictions,
        by_contig,
        strata,
        thresholds,
        roc,
        calibration,
        swept,
        pca,
    ):
        write_json(json, metrics)
        write_table(predictions, tables["frame"][COLUMNS], as_strings({"provenance": origin}))
        write_table(by_contig, contigs[CONTIGS], as_strings({"provenance": origin}))
        write_tsv(strata, strata_table(contigs))
        write_tsv(thresholds, sweep)
        write_roc(roc, tables)
        write_calibration(calibration, tables)
        write_sweep(swept, sweep)
        write_pca(pca, features, tables["frame"])
    if doubt:
        log.warning("%s", doubt)


if __name__ == "__main__":
    run(main, arguments())
