"""Log-odds of frames rolled up to windows and contigs: one place for evaluation and prediction.

A log-odds (`logit`) is that of viral against host: above 0 means viral.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

IDENTITY = {"slope": 1.0, "intercept": 0.0}  # for log-odds that are not calibrated


def window_scores(frames: pd.DataFrame, keys: Sequence[str] = ("contig",)) -> pd.DataFrame:
    """One row per window, in order of appearance: keys, `window`, `frames`, mean `logit`."""
    windows = frames.groupby([*keys, "window"], sort=False)["logit"]
    return windows.agg(frames="size", logit="mean").reset_index()


def contig_scores(windows: pd.DataFrame, keys: Sequence[str] = ("contig",)) -> pd.DataFrame:
    """One row per contig, in order of appearance: keys, `scored_windows`, mean `logit`."""
    contigs = windows.groupby([*keys], sort=False)["logit"]
    return contigs.agg(scored_windows="size", logit="mean").reset_index()


def calibrated(logit: np.ndarray | pd.Series, calibration: Mapping[str, float]) -> np.ndarray:
    """Probability of viral: the sigmoid of `slope` * logit + `intercept`, safe from overflow."""
    x = calibration["slope"] * np.asarray(logit, np.float64) + calibration["intercept"]
    odds = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, odds) / (1.0 + odds)


def log_losses(viral: np.ndarray | pd.Series, logit: np.ndarray | pd.Series) -> np.ndarray:
    """Cross-entropy of each log-odds."""
    return np.logaddexp(0, np.where(viral, -logit, logit))
