"""Log-odds of windows and contigs from those of frames, for evaluation and prediction alike.

A `logit` is the log-odds of viral against host: above 0 means viral.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

# The rule by which windows call a contig: the calibrated mean of their log-odds.
MEAN = "mean"
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
    """One row per window in order of appearance: keys, window, frames, logit, lowest, highest, new.

    `logit` is the mean of the frames, between their lowest and highest. `new` is the share of the
    window that no scored window of the contig before it covers.
    """
    windows = (
        frames.groupby([*keys, "window"], sort=False)
        .agg(frames=("logit", "size"), **_LOGITS, **_PLACE)
        .reset_index()
    )
    covered = windows.groupby([*keys], sort=False)["end"].shift().fillna(0) - windows["start"]
    share = 1 - covered / (windows["end"] - windows["start"])
    return windows.assign(new=share.clip(0, 1)).drop(columns=list(_PLACE))


_LOGITS = {"logit": ("logit", "mean"), "lowest": ("logit", "min"), "highest": ("logit", "max")}
_PLACE = {"start": ("start", "first"), "end": ("end", "first")}


def contig_scores(windows: pd.DataFrame, keys: Sequence[str] = ("contig",)) -> pd.DataFrame:
    """One row per contig in order of appearance: keys, scored, independent, mean logit.

    `scored` counts windows, `independent` those without their overlaps. Windows that overlap share
    their weight in the mean.
    """
    weight = (windows["new"] + new_after(windows, keys)) / 2
    windows = windows.assign(weight=weight, logit=weight * windows["logit"])
    contigs = windows.groupby([*keys], sort=False)
    sums = contigs.agg(
        scored=("logit", "size"), independent=("weight", "sum"), logit=("logit", "sum")
    )
    return sums.assign(logit=sums["logit"] / sums["independent"]).reset_index()


def new_after(windows: pd.DataFrame, keys: Sequence[str] = ("contig",)) -> pd.Series:
    """The share of each window that the next scored one of its contig does not cover."""
    return windows.groupby([*keys], sort=False)["new"].shift(-1).fillna(1.0)


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
