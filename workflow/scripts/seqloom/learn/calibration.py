"""From log-odds to probabilities one can bet on: Platt scaling on the validation part."""

import logging

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from seqloom.learn.metrics import CONTIG
from seqloom.scores import contig_scores, window_scores

log = logging.getLogger(__name__)


def fit_calibration(validation: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Slope and intercept for frames and for contigs; columns as for `level_tables`."""
    contigs = contig_scores(window_scores(validation, CONTIG), CONTIG).merge(
        validation.drop_duplicates(CONTIG)[[*CONTIG, "label"]], on=CONTIG
    )
    return {
        level: platt(table["label"].to_numpy() == "viral", table["logit"].to_numpy())
        for level, table in (("frame", validation), ("contig", contigs))
    }


def platt(viral: np.ndarray, logit: np.ndarray) -> dict[str, float]:
    """Slope and intercept by logistic regression, both labels weighing the same.

    Each score is viral with a certainty below 1, (n + 1) / (n + 2) with n of its label, as Platt
    proposed: few or perfectly divided scores give no infinite slope.
    """
    counts = np.where(viral, viral.sum(), (~viral).sum())
    certainty = (counts + 1) / (counts + 2)
    scale = logit.std() or 1.0
    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(
        np.concatenate([logit, logit])[:, None] / scale,
        np.concatenate([viral, ~viral]),
        sample_weight=np.concatenate([certainty, 1 - certainty] / counts),
    )
    slope, intercept = model.coef_[0, 0] / scale, model.intercept_[0]
    if slope < 0:
        log.warning("on validation viral scores are no higher than host ones: nothing is learned")
        return {"slope": 0.0, "intercept": 0.0}
    return {"slope": float(slope), "intercept": float(intercept)}
