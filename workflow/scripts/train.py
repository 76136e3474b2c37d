#!/usr/bin/env python3
"""Train the classifier of an experiment; validation decides the epoch and the calibration."""

import argparse
import dataclasses
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from seqloom import CLASSIFIER_FORMAT
from seqloom.cli import parser, positive, run
from seqloom.config.labels import LABELS
from seqloom.config.recipes import RECIPES, STANDARD, completed
from seqloom.embedding.matrices import shard_digests
from seqloom.embedding.resume import Work
from seqloom.files.atomic import atomic_all
from seqloom.files.json_files import write_json
from seqloom.files.provenance import as_strings, provenance
from seqloom.files.tables import read_table, write_tsv
from seqloom.files.tensors import read_layout, read_metadata
from seqloom.learn.calibration import fit_calibration
from seqloom.learn.classifier import describe_inputs, network_log_odds, write_weights
from seqloom.learn.false_calls import false_calls
from seqloom.learn.features import StoredRows, check_shards, chosen_frames, feature_matrix
from seqloom.learn.scores import MEAN, label_weights
from seqloom.learn.split import PARTS
from seqloom.learn.training import Examples, Recipe, frame_weights, spread, train
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
    options.add_argument("--seeds", type=positive, default=1, help="trainings; the first is saved")
    options.add_argument("--memory-mb", type=positive, default=Recipe.memory_mb, help="for rows")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--work", type=Path, help="folder for progress, to go on from")
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
        part: Examples(rows, (parts[part]["label"] == "viral").to_numpy(), weights[part])
        for part, rows in fused_rows(parts, args.fused, recipe.memory_mb).items()
    }
    made = provenance(
        "train",
        {"split": args.split},
        dataclasses.asdict(recipe) | {"seeds": args.seeds},
        ("torch", "scikit-learn"),
        shard_digests(frames=args.frames, fused=args.fused),
    )
    seeds = range(recipe.seed, recipe.seed + args.seeds)
    trainings = []
    for seed in seeds:
        folder = args.work / f"seed-{seed}" if args.work else None
        work = Work(folder, made | {"threads": args.threads, "seed": seed}) if folder else None
        one = dataclasses.replace(recipe, seed=seed)
        trainings.append(train(examples["train"], examples["validation"], one, work))
    trained = trainings[0]
    scores = network_log_odds(trained.network, examples["validation"].matrix)
    validation = parts["validation"].assign(logit=scores)
    calibration = fit_calibration(validation)
    description = {
        "format": CLASSIFIER_FORMAT,
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
        "seeds": spread([training.history for training in trainings]),
        "provenance": made,
    }
    with atomic_all([args.out / name for name in FILES]) as (weights, card, history, text):
        provenance_only = {"provenance": description["provenance"]}
        write_weights(weights, trained.network, as_strings(provenance_only))
        write_json(card, description)
        write_tsv(history, trained.history, "%.6g")
        text.write_text(model_card(description, trained.history))
    if args.work:
        shutil.rmtree(args.work, ignore_errors=True)
    if doubt := warning(description):
        log.warning("%s", doubt)


def fused_rows(
    parts: Mapping[str, pd.DataFrame], fused: Sequence[Path], memory_mb: int
) -> dict[str, np.ndarray | StoredRows]:
    """The fused rows of each part, in memory if all of them fit."""
    [_, columns], dtype = read_layout(fused[0], "embedding")
    size = sum(map(len, parts.values())) * columns * dtype.itemsize
    read = feature_matrix if size <= memory_mb * 1e6 else StoredRows
    return {part: read(rows, fused) for part, rows in parts.items()}


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
