#!/usr/bin/env python3
"""Train the classifier of an experiment; validation decides the epoch and the calibration."""

import argparse
import dataclasses
import logging
from pathlib import Path

import torch

from seqloom.cli import parser, run
from seqloom.config.labels import LABELS
from seqloom.embedding.matrices import shard_digests
from seqloom.files.atomic import atomic_all
from seqloom.files.json_files import write_json
from seqloom.files.provenance import as_strings, provenance
from seqloom.files.tables import read_table, write_tsv
from seqloom.files.tensors import read_metadata
from seqloom.learn.calibration import fit_calibration
from seqloom.learn.classifier import describe_inputs, network_log_odds, write_weights
from seqloom.learn.false_calls import false_calls
from seqloom.learn.features import check_shards, chosen_frames, feature_matrix
from seqloom.learn.scores import MEAN, label_weights
from seqloom.learn.split import PARTS
from seqloom.learn.training import Examples, Recipe, train
from seqloom.learn.verdict import validation_summary, warning
from seqloom.report.model_card import model_card

log = logging.getLogger(__name__)

FILES = ("classifier.safetensors", "classifier.json", "history.tsv", "model_card.md")


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--experiment", required=True)
    options.add_argument("--split", type=Path, required=True)
    options.add_argument("--frames", type=Path, nargs="+", required=True, help="a table per shard")
    options.add_argument("--fused", type=Path, nargs="+", required=True, help="in this order")
    options.add_argument("--hidden", type=int, default=512)
    options.add_argument("--dropout", type=float, default=0.5)
    options.add_argument("--optimizer", choices=["sgd", "adamw"], default="sgd")
    options.add_argument("--lr", type=float, default=2e-4)
    options.add_argument("--batch-size", type=int, default=32)
    options.add_argument("--max-epochs", type=int, default=200)
    options.add_argument("--patience", type=int, default=5)
    options.add_argument("--seed", type=int, default=42)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--out", type=Path, required=True, help="folder of the classifier")
    return options


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    inputs = {"experiment": args.experiment} | describe_inputs(read_metadata(args.fused[0]))
    check_shards(inputs, args.frames, args.fused)
    parts = {p: chosen_frames(args.split, args.frames, p) for p in ("train", "validation")}
    # Validation is read whole; its labels weigh what they do in training, where a balance thins.
    viral_share = (parts["train"]["label"] == "viral").mean()
    weight = label_weights(parts["validation"], viral_share)
    parts["validation"] = parts["validation"].assign(weight=weight)
    examples = {
        part: Examples(
            feature_matrix(rows, args.fused),
            (rows["label"] == "viral").to_numpy(),
            weight if part == "validation" else None,
        )
        for part, rows in parts.items()
    }
    recipe = Recipe(**{f.name: getattr(args, f.name) for f in dataclasses.fields(Recipe)})
    trained = train(examples["train"], examples["validation"], recipe)
    scores = network_log_odds(trained.network, examples["validation"].matrix)
    validation = parts["validation"].assign(logit=scores)
    calibration = fit_calibration(validation)
    description = {
        "experiment": args.experiment,
        "labels": list(LABELS),
        "architecture": {
            "columns": examples["train"].matrix.shape[1],
            "hidden": recipe.hidden,
            "dropout": recipe.dropout,
        },
        **inputs,
        "calibration": calibration,
        "rollup": MEAN,
        "false_calls": false_calls(validation, calibration["contig"]),
        "recipe": dataclasses.asdict(recipe),
        "best_epoch": trained.best_epoch,
        "validation": validation_summary(validation),
        "train": counts(args.split),
        "provenance": provenance(
            "train",
            {"split": args.split},
            dataclasses.asdict(recipe),
            ("torch", "scikit-learn"),
            shard_digests(frames=args.frames, fused=args.fused),
        ),
    }
    with atomic_all([args.out / name for name in FILES]) as (weights, card, history, text):
        provenance_only = {"provenance": description["provenance"]}
        write_weights(weights, trained.network, as_strings(provenance_only))
        write_json(card, description)
        write_tsv(history, trained.history, "%.6g")
        text.write_text(model_card(description, trained.history))
    if doubt := warning(description):
        log.warning("%s", doubt)


def counts(split_file: Path) -> dict[str, dict[str, int]]:
    """Frames and contigs of each label that a part uses."""
    split = read_table(split_file).to_pandas()
    contigs = split[split["take"] > 0].groupby(["part", "label"])["take"]
    units = {"frames": contigs.sum(), "contigs": contigs.size()}
    return {
        part: {
            f"{label}_{unit}": int(numbers.get((part, label), 0))
            for unit, numbers in units.items()
            for label in LABELS
        }
        for part in PARTS
    }


if __name__ == "__main__":
    run(main, arguments())
