"""Calibration of log-odds to probabilities, by Platt scaling on the validation part."""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from seqloom.learn.metrics import CONTIG
from seqloom.learn.scores import contig_scores, window_scores


def fit_calibration(validation: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Slope and intercept for frames and for contigs; columns are those of `level_tables`."""
    contigs = contig_scores(window_scores(validation, CONTIG), CONTIG).merge(
        validation.drop_duplicates(CONTIG)[[*CONTIG, "label", "group"]], on=CONTIG
    )
    return {
        level: platt(
            table["label"].to_numpy() == "viral",
            table["logit"].to_numpy(),
            table.groupby("label")["group"].transform("nunique").to_numpy(),
        )
        for level, table in (("frame", validation), ("contig", contigs))
    }


def platt(viral: np.ndarray, logit: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    """Slope and intercept by logistic regression, with equal weight for both labels.

    As Platt proposed, a label has a certainty below 1: (n + 1) / (n + 2). Here n is the number of
    `groups` of that label, because the scores of one group count as one observation.
    """
    counts = np.where(viral, viral.sum(), (~viral).sum())
    certainty = (groups + 1) / (groups + 2)
    scale = logit.std() or 1.0
    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(
        np.concatenate([logit, logit])[:, None] / scale,
        np.concatenate([viral, ~viral]),
        sample_weight=np.concatenate([certainty, 1 - certainty] / counts),
    )
    slope, intercept = model.coef_[0, 0] / scale, model.intercept_[0]
    if slope <= 0:  # viral scores are not higher than host scores
        return {"slope": 0.0, "intercept": 0.0}
    return {"slope": float(slope), "intercept": float(intercept)}
