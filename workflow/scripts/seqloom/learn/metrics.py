"""Metrics of predicted probabilities, per frame, window and contig."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import (
    average_precision_score,
    matthews_corrcoef,
    precision_recall_fscore_support,
    roc_auc_score,
)

from seqloom.learn.scores import calibrated, contig_scores, window_scores

CONTIG = ["sample", "contig"]
THRESHOLD = 0.5
BINS = 10


def binary_metrics(viral: np.ndarray, probability: np.ndarray) -> dict[str, Any]:
    """All metrics of one level; an undefined one is None."""
    called = probability >= THRESHOLD
    precision, recall, f1, _ = precision_recall_fscore_support(
        viral, called, average="binary", zero_division=np.nan
    )
    both = 0 < viral.sum() < len(viral)
    values = {
        "accuracy": np.mean(called == viral),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "mcc": matthews_corrcoef(viral, called) if both else np.nan,
        "auroc": roc_auc_score(viral, probability) if both else np.nan,
        "average_precision": average_precision_score(viral, probability) if both else np.nan,
        "brier": np.average((probability - viral) ** 2, weights=equal_weights(viral)),
        "ece": calibration_error(viral, probability),
    }
    return {"n": len(viral), "positives": int(viral.sum())} | {
        name: None if np.isnan(value) else float(value) for name, value in values.items()
    }


def equal_weights(viral: np.ndarray) -> np.ndarray:
    """Weights of mean 1 under which both labels weigh the same, as the probabilities suppose."""
    share = viral.mean()
    if share in (0, 1):
        return np.ones(len(viral))
    return np.where(viral, 0.5 / share, 0.5 / (1 - share))


def reliability(viral: np.ndarray, probability: np.ndarray) -> pd.DataFrame:
    """Bins of equal width that are not empty: weight, mean probability, share of viral.

    Both labels weigh the same.
    """
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    weight = equal_weights(viral)
    table = pd.DataFrame({"weight": weight, "probability": weight * probability})
    sums = table.assign(viral=weight * viral).groupby(bins).sum()
    return sums.assign(**{key: sums[key] / sums["weight"] for key in ("probability", "viral")})


def calibration_error(viral: np.ndarray, probability: np.ndarray) -> float:
    """Expected calibration error: the mean of |probability - share of viral| over the bins."""
    bins = reliability(viral, probability)
    return float(np.average((bins["probability"] - bins["viral"]).abs(), weights=bins["weight"]))


def level_tables(
    frames: pd.DataFrame, calibration: Mapping[str, Mapping[str, float]]
) -> dict[str, pd.DataFrame]:
    """Tables of frames, windows and contigs with category, viral (bool) and probability.

    `frames` has sample, contig, window, label, category, logit. Windows are calibrated like frames.
    """
    facts = frames.drop_duplicates(CONTIG)[[*CONTIG, "label", "category"]]
    windows = window_scores(frames, CONTIG)
    contigs = contig_scores(windows, CONTIG)
    tables = {
        "frame": (frames, calibration["frame"]),
        "window": (windows.merge(facts, on=CONTIG), calibration["frame"]),
        "contig": (contigs.merge(facts, on=CONTIG), calibration["contig"]),
    }
    return {
        level: table.assign(
            viral=table["label"] == "viral",
            probability=calibrated(table["logit"], numbers, table.get("independent", 1.0)),
        )
        for level, (table, numbers) in tables.items()
    }


def all_metrics(tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The keys `levels` and `categories` of metrics.json, from `level_tables`."""
    return {
        "levels": {
            level: binary_metrics(table["viral"].to_numpy(), table["probability"].to_numpy())
            for level, table in tables.items()
        },
        "categories": {
            category: {
                "n": len(rows),
                "accuracy": float(((rows["probability"] >= THRESHOLD) == rows["viral"]).mean()),
            }
            for category, rows in tables["contig"].groupby("category")
        },
    }
