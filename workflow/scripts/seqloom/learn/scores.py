"""Log-odds of windows and contigs from those of frames, for evaluation and prediction alike.

A `logit` is the log-odds of viral against host: above 0 means viral.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

IDENTITY = {"slope": 1.0, "intercept": 0.0}  # leaves log-odds as they are


def window_scores(frames: pd.DataFrame, keys: Sequence[str] = ("contig",)) -> pd.DataFrame:
    """One row per window in order of appearance: keys, window, number of frames, mean logit."""
    windows = frames.groupby([*keys, "window"], sort=False)["logit"]
    return windows.agg(frames="size", logit="mean").reset_index()


def contig_scores(windows: pd.DataFrame, keys: Sequence[str] = ("contig",)) -> pd.DataFrame:
    """One row per contig in order of appearance: keys, scored_windows, mean logit."""
    contigs = windows.groupby([*keys], sort=False)["logit"]
    return contigs.agg(scored_windows="size", logit="mean").reset_index()


def calibrated(logit: np.ndarray | pd.Series, calibration: Mapping[str, float]) -> np.ndarray:
    """The probability of viral, sigmoid(slope * logit + intercept), without overflow."""
    x = calibration["slope"] * np.asarray(logit, np.float64) + calibration["intercept"]
    odds = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, odds) / (1.0 + odds)


def label_weights(frames: pd.DataFrame, viral_share: float) -> np.ndarray:
    """Weights of mean 1 that give viral frames this share; categories of a label weigh the same."""
    categories = frames.groupby("label")["category"].transform("nunique")
    size = frames.groupby(["label", "category"])["label"].transform("size")
    share = np.where(frames["label"] == "viral", viral_share, 1 - viral_share)
    return (len(frames) * share / (categories * size)).to_numpy()


def log_losses(viral: np.ndarray | pd.Series, logit: np.ndarray | pd.Series) -> np.ndarray:
    """Cross-entropy of each log-odds."""
    return np.logaddexp(0, np.where(viral, -logit, logit))
