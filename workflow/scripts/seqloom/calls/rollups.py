"""Rules of others that call a contig by its windows, from raw scores alone."""

import numpy as np
import pandas as pd
from scipy.special import expit

VIRNUCPRO, WEIGHTED_DELTA = "virnucpro", "weighted_delta"


def best_frames(windows: pd.DataFrame, keys: list[str]) -> pd.Series:
    """Above 0 if the best viral score of a contig's frames is above its best host score.

    VirNucPro decides so for a window, and a tie is viral.
    """
    contigs = windows.groupby(keys)
    return contigs["highest"].max() + contigs["lowest"].min()


def weighted_delta(windows: pd.DataFrame, keys: list[str]) -> pd.Series:
    """The mean of the windows' best viral minus best host score, weighted by sqrt(|delta|)."""
    delta = expit(windows["highest"]) - expit(-windows["lowest"])
    weight = np.sqrt(delta.abs())
    sums = pd.DataFrame({"delta": weight * delta, "weight": weight})
    sums = sums.groupby([windows[key] for key in keys]).sum()
    return (sums["delta"] / sums["weight"]).fillna(0.0)
