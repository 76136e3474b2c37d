"""Calibration of log-odds to probabilities, on the validation part.

A mean over n independent windows is worth slope * n / (n + k) times itself, plus an intercept: a
contig has a part of its own in its scores, which does not average out, and each window another.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from seqloom.learn.fragments import WHOLE, labeled_fragments, labeled_windows
from seqloom.learn.metrics import CONTIG
from seqloom.learn.scores import (
    IDENTITY,
    calibrated_log_odds,
    log_losses,
    weight_of_windows,
)

METHODS = ("temperature", "platt", "isotonic")  # from the simplest
FOLDS = 5
# With fewer contigs of a label the fitted log-odds are mixed with the raw ones, in proportion.
ENOUGH_CONTIGS = 100
MAX_K, MAX_CORRELATION = 1000.0, 0.95
STEP = 1e-6  # of derivatives
MAX_KNOTS = 50


def fit_calibration(validation: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """The numbers of `calibrated_log_odds` for frames and for contigs.

    `validation` has sample, contig, window, start, end, label, group, logit.
    """
    windows = labeled_windows(validation)
    pieces = labeled_fragments(windows)
    frames = validation.assign(independent=1.0, length=0, share=1.0)
    contigs = pieces[pieces["length"] == WHOLE]["label"].value_counts()
    trust = min(1.0, contigs.min() / ENOUGH_CONTIGS)
    calibration = {
        level: chosen_calibration(rows, most) | {"trust": float(trust)}
        for level, rows, most in (("frame", frames, 0.0), ("contig", pieces, MAX_K))
    }
    calibration["frame"]["correlation"] = neighbor_correlation(windows)
    return calibration


def neighbor_correlation(windows: pd.DataFrame) -> float:
    """How much a window resembles the next one of its contig beyond what their label explains."""
    rest = windows["logit"] - windows.groupby("label")["logit"].transform("mean")
    follows = windows.groupby(CONTIG, sort=False)["window"].diff() == 1
    if not (follows.any() and rest.any()):
        return 0.0
    together = (rest * rest.shift())[follows].mean() / (rest**2).mean()
    return float(np.clip(together, 0, MAX_CORRELATION))


def chosen_calibration(rows: pd.DataFrame, max_k: float) -> dict[str, Any]:
    """The calibration by the method with the lowest loss of groups it was not fitted on.

    `rows` has logit, independent, length, share, label, group.
    """
    rows = _weighted(rows)
    folds = _folds(rows)
    count = folds.max() + 1
    losses = dict.fromkeys(METHODS if count > 1 else (), 0.0)
    for fold in range(count):
        for method in losses:
            fitted = fit(rows[folds != fold], method, max_k)
            held_out = rows[folds == fold]
            scores = calibrated_log_odds(held_out["logit"], fitted, held_out["independent"])
            loss = log_losses(held_out["label"] == "viral", scores)
            losses[method] += float((held_out["weight"] * loss).sum())
    best = min(losses, key=losses.get, default="platt")
    return fit(rows, best, max_k)


def fit(rows: pd.DataFrame, method: str, max_k: float) -> dict[str, Any]:
    """The calibration by one method.

    As Platt proposed, a label has a certainty below 1: (n + 1) / (n + 2). Here n is the number of
    groups of that label, because the scores of one group count as one observation.
    """
    viral = (rows["label"] == "viral").to_numpy()
    certainty = rows["certainty"].to_numpy()
    target = np.where(viral, certainty, 1 - certainty)
    weight = rows["weight"].to_numpy() / rows["weight"].sum()
    scale = rows["logit"].std() or 1.0
    score, count = rows["logit"].to_numpy() / scale, rows["independent"].to_numpy()

    def loss(numbers: np.ndarray) -> tuple[float, np.ndarray]:
        slope, k, correlation, offset = numbers
        share = weight_of_windows(count, k, correlation)
        by_k = (weight_of_windows(count, k + STEP, correlation) - share) / STEP
        by_r = (weight_of_windows(count, k, correlation + STEP) - share) / STEP
        centered = score - offset
        x = slope * share * centered
        error = weight * (expit(x) - target)
        gradient = [error @ (share * centered)]
        gradient += [slope * (error @ (by * centered)) for by in (by_k, by_r)]
        gradient += [-slope * (error @ share)]
        return weight @ (np.logaddexp(0, x) - target * x), np.array(gradient)

    middle = 0.0 if method == "temperature" else None
    most = MAX_CORRELATION if max_k else 0.0
    bounds = [(None, None), (0.0, max_k), (0.0, most), (middle, middle)]
    start = [1.0, min(1.0, max_k), 0.0, 0.0]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, tol=1e-12).x
    slope, k, correlation, offset = map(float, found)
    if slope <= 0:  # viral scores are not higher than host scores
        return IDENTITY | {"method": method, "slope": 0.0}
    numbers = IDENTITY | {"method": method, "slope": float(slope / scale), "k": k}
    numbers |= {"correlation": correlation, "offset": float(offset * scale)}
    if method == "isotonic":
        numbers["knots"] = _steps(
            calibrated_log_odds(score * scale, numbers, count), target, weight
        )
    return numbers


def _steps(score: np.ndarray, target: np.ndarray, weight: np.ndarray) -> list[list[float]]:
    """The monotone line through the log-odds, as x and y of its corners."""
    line = IsotonicRegression(y_min=target.min(), y_max=target.max()).fit(score, target, weight)
    x, y = line.X_thresholds_, logit(line.y_thresholds_)
    kept = np.unique(np.linspace(0, len(x) - 1, MAX_KNOTS).round().astype(int))
    return [x[kept].tolist(), y[kept].tolist()]


def _weighted(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of lengths that both labels have, with weight and certainty.

    Both labels weigh the same at each length, and a length as much as its rarer label has contigs.
    """
    labels = rows.groupby("length")["label"].transform("nunique")
    rows = rows[labels == rows["label"].nunique()]
    total = rows.groupby(["length", "label"])["share"].transform("sum")
    rarer = total.groupby(rows["length"]).transform("min")
    groups = rows.groupby(["length", "label"])["group"].transform("nunique")
    return rows.assign(weight=rows["share"] * rarer / total, certainty=(groups + 1) / (groups + 2))


def _folds(rows: pd.DataFrame) -> np.ndarray:
    """The fold of each row; those of a group are together, and each fold has both labels."""
    groups = rows.drop_duplicates("group").set_index("group")["label"]
    count = min(FOLDS, groups.value_counts().min() if groups.nunique() == 2 else 1)
    number = groups.groupby(groups).cumcount() % count
    return rows["group"].map(number).to_numpy()
