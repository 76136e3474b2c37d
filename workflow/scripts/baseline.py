#!/usr/bin/env python3
"""Train and evaluate a 4-mer logistic regression on the frames and the split of an experiment."""

import argparse
from pathlib import Path

from seqloom.cli import parser, run
from seqloom.embedding.matrices import shard_digests
from seqloom.files.json_files import write_json
from seqloom.files.provenance import provenance
from seqloom.files.tables import read_table_metadata
from seqloom.learn.baseline import COLUMNS, fit_baseline, kmer_matrix
from seqloom.learn.calibration import fit_calibration
from seqloom.learn.features import chosen_frames
from seqloom.learn.metrics import all_metrics, level_tables


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--experiment", required=True)
    options.add_argument("--split", type=Path, required=True)
    options.add_argument("--frames", type=Path, nargs="+", required=True, help="beside .fna files")
    options.add_argument("--out", type=Path, required=True, help="JSON like metrics.json")
    return options


def main(args: argparse.Namespace) -> None:
    train, validation, test = (
        chosen_frames(args.split, args.frames, part) for part in ("train", "validation", "test")
    )
    viral = (train["label"] == "viral").to_numpy()
    model = fit_baseline(kmer_matrix(train, args.frames), viral)
    for frames in (validation, test):
        frames["logit"] = model.decision_function(kmer_matrix(frames, args.frames))
    calibration = fit_calibration(validation)
    metrics = {
        "experiment": args.experiment,
        "model": "4-mer baseline",
        "fusion": None,
        "cut": read_table_metadata(args.frames[0])["cut"],
        "columns": COLUMNS,
        "random": False,
        **all_metrics(level_tables(test, calibration)),
        "provenance": provenance(
            "baseline",
            {"split": args.split},
            {},
            ("scikit-learn",),
            shard_digests(frames=args.frames),
        ),
    }
    write_json(args.out, metrics)


if __name__ == "__main__":
    run(main, arguments())
