#!/usr/bin/env python3
"""What comes of classifiers of noise, and of weak and good ones, with few validation groups.

Prints markdown. Each group of simulated genomes has an offset of its own, which is no signal; a
real signal moves four columns of viral frames. New groups show what a classifier is worth.
"""

import argparse
import logging
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from seqloom.config.labels import LABELS
from seqloom.learn.calibration import fit_calibration
from seqloom.learn.classifier import network_log_odds
from seqloom.learn.metrics import level_tables
from seqloom.learn.split import PARTS
from seqloom.learn.training import Examples, Recipe, train
from seqloom.learn.verdict import learning_failure, validation_summary, warning

COLUMNS, CONTIGS, FRAMES = 32, 2, 10  # contigs per group, frames per contig
SPREAD = 0.5  # of the offsets of groups; contigs have half of it
NEW_GROUPS = 40
# Groups per label, signal, seeds.
CASES = [
    (8, 0, 40),
    (20, 0, 60),
    (60, 0, 20),
    (8, 1, 24),
    (20, 0.5, 20),
    (20, 1, 16),
    (60, 0.4, 10),
]


def simulated(
    random: np.random.Generator, groups: int, signal: float
) -> tuple[pd.DataFrame, np.ndarray]:
    """Frames of so many groups of each label, and their features."""
    rows, features = [], []
    for label in LABELS:
        for group in (f"{label}{number}" for number in range(groups)):
            offset = random.normal(0, SPREAD, COLUMNS)
            for contig in range(CONTIGS):
                moved = offset + random.normal(0, SPREAD / 2, COLUMNS)
                x = random.normal(0, 1, (FRAMES, COLUMNS)) + moved
                x[:, :4] += signal * (label == "viral")
                features.append(x)
                rows += [(label, group, f"{group}c{contig}", f // 2) for f in range(FRAMES)]
    table = pd.DataFrame(rows, columns=["label", "group", "contig", "window"])
    matrix = np.concatenate(features).astype(np.float32)
    places = {"start": 300 * table["window"], "end": 300 * table["window"] + 300}
    return table.assign(sample="s", category=table["label"], **places), matrix


def outcome(groups: int, signal: float, seed: int) -> dict[str, object]:
    """One classifier: refused, doubted, and its calls of contigs of new groups."""
    random = np.random.default_rng(seed)
    validating = max(1, round(0.15 * groups))
    sizes = (groups - 2 * validating, validating, NEW_GROUPS)
    parts = [simulated(random, size, signal) for size in sizes]
    training, validation = (
        Examples(matrix, (table["label"] == "viral").to_numpy()) for table, matrix in parts[:2]
    )
    trained = train(training, validation, Recipe(32, 0.5, "adamw", 0.001, 32, 30, 3, seed))
    scored = [t.assign(logit=network_log_odds(trained.network, m)) for t, m in parts[1:]]
    description = {
        "calibration": fit_calibration(scored[0]),
        "validation": validation_summary(scored[0].assign(weight=1.0)),
        # Enough contigs, so that the loss alone gives a warning.
        "train": {part: {f"{label}_contigs": 100 for label in LABELS} for part in PARTS},
    }
    contigs = level_tables(scored[1], description["calibration"])["contig"]
    return {
        "refused": learning_failure(description) is not None,
        "warned": warning(description) is not None,
        "auroc": roc_auc_score(contigs["viral"], contigs["logit"]),
        "called": int((contigs["probability"] >= 0.5).sum()),
        "wrong": int(((contigs["probability"] >= 0.5) & ~contigs["viral"]).sum()),
        "certain": (contigs["probability"] >= 0.9).mean(),
    }


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    head = ["validation groups per label", "signal", "AUROC of new contigs", "not refused"]
    head += ["of these warned", "wrong among their viral calls", "contigs with p >= 0.9"]
    print("|", " | ".join(head), "|\n|", " | ".join(["---"] * len(head)), "|")
    for groups, signal, seeds in CASES:
        runs = pd.DataFrame([outcome(groups, signal, seed) for seed in range(seeds)])
        passed = runs[~runs["refused"]]
        cells = [
            max(1, round(0.15 * groups)),
            signal or "none",
            f"{runs['auroc'].mean():.2f}",
            f"{len(passed)} of {seeds}",
            f"{passed['warned'].sum()} of {len(passed)}",
            f"{100 * passed['wrong'].sum() / max(1, passed['called'].sum()):.0f} %",
            f"{100 * passed['certain'].mean():.1f} %",
        ]
        print("|", " | ".join(map(str, cells)), "|", flush=True)


if __name__ == "__main__":
    main()
