#!/usr/bin/env python3
"""Train the classifier of an experiment; validation decides the epoch and the calibration."""

import argparse
import dataclasses
import logging
from pathlib import Path

import torch

from seqloom.cli import parser, run
from seqloom.config.labels import LABELS
from seqloom.config.recipes import RECIPES, STANDARD, completed
from seqloom.embedding.matrices import shard_digests
from seqloom.files.atomic import atomic_all
from seqloom.files.json_files import write_json
from seqloom.files.provenance import as_strings, provenance
from seqloom.files.tables import read_table, write_tsv
from seqloom.files.tensors import read_metadata
from seqloom.learn.calibration import fit_calibration
from seqloom.learn.classifier import FORMAT, describe_inputs, network_log_odds, write_weights
from seqloom.learn.false_calls import false_calls
from seqloom.learn.features import check_shards, chosen_frames, feature_matrix
from seqloom.learn.scores import label_weights
from seqloom.learn.split import PARTS
from seqloom.learn.training import Examples, Recipe, frame_weights, train
from seqloom.learn.verdict import validation_summary, warning
from seqloom.report.model_card import model_card

log = logging.getLogger(__name__)

RECIPE_KEYS = [field.name for field in dataclasses.fields(Recipe)]
FILES = ("classifier.safetensors", "classifier.json", "history.tsv", "model_card.md")


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--experiment", required=True)
    options.add_argument("--split", type=Path, required=True)
    options.add_argument("--frames", type=Path, nargs="+", required=True, help="a table per shard")
    options.add_argument("--fused", type=Path, nargs="+", required=True, help="in this order")
    options.add_argument("--recipe", choices=list(RECIPES), default=STANDARD)
    for name, value in RECIPES[STANDARD].items():
        option = f"--{name.replace('_', '-')}"
        options.add_argument(
            option,
            type=type(value),
            default=argparse.SUPPRESS,
            help="by default that of the recipe",
        )
    options.add_argument("--seed", type=int, default=42)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--out", type=Path, required=True, help="folder of the classifier")
    return options


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    inputs = {"experiment": args.experiment} | describe_inputs(read_metadata(args.fused[0]))
    check_shards(inputs, args.frames, args.fused)
    parts = {p: chosen_frames(args.split, args.frames, p) for p in ("train", "validation")}
    recipe = Recipe(**completed({k: v for k, v in vars(args).items() if k in RECIPE_KEYS}))
    weighted = recipe.recipe == STANDARD
    # Validation is read whole; its labels weigh what they do in training, where a balance thins.
    viral_share = 0.5 if weighted else (parts["train"]["label"] == "viral").mean()
    weight = label_weights(parts["validation"], viral_share)
    parts["validation"] = parts["validation"].assign(weight=weight)
    weights = {
        "train": frame_weights(parts["train"]) if weighted else None,
        "validation": weight,
    }
    examples = {
        part: Examples(
            feature_matrix(rows, args.fused),
            (rows["label"] == "viral").to_numpy(),
            weights[part],
        )
        for part, rows in parts.items()
    }
    trained = train(examples["train"], examples["validation"], recipe)
    scores = network_log_odds(trained.network, examples["validation"].matrix)
    validation = parts["validation"].assign(logit=scores)
    calibration = fit_calibration(validation)
    description = {
        "format": FORMAT,
        "experiment": args.experiment,
        "labels": list(LABELS),
        "architecture": {
            "columns": examples["train"].matrix.shape[1],
            "hidden": recipe.hidden,
            "dropout": recipe.dropout,
        },
        **inputs,
        "calibration": calibration,
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
