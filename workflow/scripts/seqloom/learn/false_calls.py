"""The share of false calls that a probability means, as far as the validation part knows it.

A contig is compared with fragments of validation contigs as long as it is. Of those at least as
probable, the share among host fragments divided by the share among viral ones is the ratio of
false to right calls at equal odds; the prevalence of viruses makes an FDR of it.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit

from seqloom.learn.fragments import LENGTHS, labeled_fragments, labeled_windows
from seqloom.learn.scores import calibrated_log_odds

LOG_ODDS = np.arange(-8, 12.01, 0.25)
PREVALENCES, RATES = (0.5, 0.1, 0.01), (0.01, 0.05, 0.1)


def false_calls(validation: pd.DataFrame, calibration: Mapping[str, Any]) -> dict[str, Any]:
    """What classifier.json says of false calls, from the frames of `fit_calibration`.

    `ratio` has a row for each length in `windows` and a column for each least log-odds. A higher
    score, and a longer contig, has no higher ratio than a lower or a shorter one.
    """
    pieces = labeled_fragments(labeled_windows(validation))
    scores = calibrated_log_odds(pieces["logit"], calibration, pieces["independent"])
    pieces = pieces.assign(score=scores)
    ratios = [_ratio(pieces[pieces["length"] == length]) for length in LENGTHS]
    ratio = np.round(np.minimum.accumulate(ratios), 6)
    known = {"windows": list(LENGTHS), "log_odds": LOG_ODDS.tolist(), "ratio": ratio.tolist()}
    groups = pieces.loc[pieces["label"] == "host", "group"].nunique()
    return known | {"thresholds": _thresholds(ratio, groups)}


def _ratio(rows: pd.DataFrame) -> np.ndarray:
    """The ratio of false to right calls of one length, at most 1, which is that of chance.

    One more false group is counted than was seen, and a standard error of that: few groups without
    a false call do not show that there is none.
    """
    if rows["label"].nunique() < 2:
        return np.ones(len(LOG_ODDS))
    host = rows[rows["label"] == "host"]
    groups = host["group"].nunique()
    false = groups * _share_above(host) + 1
    with np.errstate(divide="ignore"):
        ratio = (false + np.sqrt(false)) / (groups + 1) / _share_above(rows.drop(host.index))
    return np.minimum.accumulate(np.minimum(ratio, 1))


def _share_above(rows: pd.DataFrame) -> np.ndarray:
    """The share of the rows with at least each of the log-odds."""
    rows = rows.sort_values("score")
    above = np.append(rows["share"].to_numpy()[::-1].cumsum()[::-1], 0)
    return above[np.searchsorted(rows["score"], LOG_ODDS)] / above[0]


def expected_fdr(
    log_odds: np.ndarray, independent: np.ndarray, known: Mapping[str, Any], prevalence: float
) -> np.ndarray:
    """The share of false calls if all contigs at least as probable were called viral.

    `log_odds` are at equal odds, NaN where there are none; `known` is of `false_calls`.
    """
    step = np.searchsorted(known["log_odds"], log_odds, side="right") - 1
    length = np.searchsorted(known["windows"], np.round(independent), side="right") - 1
    ratio = np.array(known["ratio"])[length.clip(0), step.clip(0)]
    return np.where(np.isnan(log_odds), np.nan, _fdr(ratio, prevalence))


def _fdr(ratio: np.ndarray, prevalence: float) -> np.ndarray:
    false = (1 - prevalence) * ratio
    return false / (false + prevalence)


def _thresholds(ratio: np.ndarray, host_groups: int) -> list[dict[str, Any]]:
    """The least probability at equal odds, by length, for each prevalence and FDR."""
    return [
        {
            "prevalence": prevalence,
            "fdr": rate,
            "probability": [_first(fdr <= rate) for fdr in _fdr(ratio, prevalence)],
            "reason": _why_empty(prevalence, rate, host_groups),
        }
        for prevalence in PREVALENCES
        for rate in RATES
    ]


def _first(enough: np.ndarray) -> float | None:
    return round(float(expit(LOG_ODDS[enough.argmax()])), 6) if enough.any() else None


def _why_empty(prevalence: float, rate: float, host_groups: int) -> str:
    """Why a threshold may be unknown."""
    least = math.ceil(2 * (1 - prevalence) * (1 - rate) / (prevalence * rate)) - 1
    if host_groups < least:
        return f"validation has {host_groups} groups of hosts, and {least} are needed to know it"
    return "false calls are more frequent at every probability"


def estimated_prevalence(log_odds: np.ndarray) -> float:
    """The most likely share of viral contigs, from their log-odds at equal odds.

    It is what the algorithm of Saerens, Latinne and Decaestecker (2002) converges to.
    """
    excess = 2 * expit(log_odds) - 1

    def slope(prevalence: float) -> float:
        return float(np.mean(excess / ((1 - excess) / 2 + prevalence * excess)))

    least, most = 1e-6, 1 - 1e-6
    if slope(least) <= 0:
        return 0.0
    return brentq(slope, least, most) if slope(most) < 0 else 1.0
