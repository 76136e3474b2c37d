"""Log-odds of windows and contigs from those of frames, for evaluation and prediction alike.

A `logit` is the log-odds of viral against host: above 0 means viral.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

# Leaves log-odds as they are.
IDENTITY = {
    "slope": 1.0,
    "k": 0.0,
    "correlation": 0.0,
    "offset": 0.0,
    "knots": None,
    "trust": 1.0,
}


def window_scores(frames: pd.DataFrame, keys: Sequence[str] = ("contig",)) -> pd.DataFrame:
    """One row per window in order of appearance: keys, window, frames, mean logit, new.

    `new` is the share of the window that no scored window of the contig before it covers.
    """
    windows = (
        frames.groupby([*keys, "window"], sort=False)
        .agg(frames=("logit", "size"), logit=("logit", "mean"), **_PLACE)
        .reset_index()
    )
    covered = windows.groupby([*keys], sort=False)["end"].shift().fillna(0) - windows["start"]
    share = 1 - covered / (windows["end"] - windows["start"])
    return windows.assign(new=share.clip(0, 1)).drop(columns=list(_PLACE))


_PLACE = {"start": ("start", "first"), "end": ("end", "first")}


def contig_scores(windows: pd.DataFrame, keys: Sequence[str] = ("contig",)) -> pd.DataFrame:
    """One row per contig in order of appearance: keys, scored_windows, independent, mean logit.

    `independent` counts windows without their overlaps.
    """
    contigs = windows.groupby([*keys], sort=False)
    return contigs.agg(
        scored_windows=("logit", "size"), independent=("new", "sum"), logit=("logit", "mean")
    ).reset_index()


def calibrated_log_odds(
    logit: np.ndarray | pd.Series,
    calibration: Mapping[str, Any],
    independent: np.ndarray | pd.Series | float = 1.0,
) -> np.ndarray:
    """The log-odds of viral at equal prior odds, given a mean over `independent` windows."""
    raw, count = np.asarray(logit, np.float64), np.asarray(independent, np.float64)
    weight = weight_of_windows(count, calibration["k"], calibration["correlation"])
    fitted = calibration["slope"] * weight * (raw - calibration["offset"])
    if calibration["knots"]:
        fitted = np.interp(fitted, *calibration["knots"])
    return calibration["trust"] * fitted + (1 - calibration["trust"]) * raw


def weight_of_windows(count: np.ndarray, k: float, correlation: float) -> np.ndarray:
    """What a mean over so many windows is worth, from 1 / (1 + k) for one to nearly 1 for many.

    It is n / (n + k), where n is the number of windows without correlation whose mean is as certain
    as that of `count` windows, if the correlation of two falls by a factor with every step.
    """
    steps = np.maximum(count, 1.0)
    r = correlation
    spread = (1 + r) / (1 - r) - 2 * r * (1 - r**steps) / (steps * (1 - r) ** 2)
    return count / (count + k * spread)


def calibrated(
    logit: np.ndarray | pd.Series,
    calibration: Mapping[str, Any],
    independent: np.ndarray | pd.Series | float = 1.0,
) -> np.ndarray:
    """The probability of viral at equal prior odds."""
    return expit(calibrated_log_odds(logit, calibration, independent))


def label_weights(frames: pd.DataFrame, viral_share: float) -> np.ndarray:
    """Weights of mean 1 that give viral frames this share; categories of a label weigh the same."""
    categories = frames.groupby("label")["category"].transform("nunique")
    size = frames.groupby(["label", "category"])["label"].transform("size")
    share = np.where(frames["label"] == "viral", viral_share, 1 - viral_share)
    return (len(frames) * share / (categories * size)).to_numpy()


def log_losses(viral: np.ndarray | pd.Series, logit: np.ndarray | pd.Series) -> np.ndarray:
    """Cross-entropy of each log-odds."""
    return np.logaddexp(0, np.where(viral, -logit, logit))
