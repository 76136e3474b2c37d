"""From log-odds to probabilities one can bet on: Platt scaling on the validation part."""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from seqloom.learn.metrics import CONTIG
from seqloom.learn.scores import contig_scores, window_scores


def fit_calibration(validation: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Slope and intercept for frames and for contigs; columns as for `level_tables`."""
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
    """Slope and intercept by logistic regression, both labels weighing the same.

    Each score has its label with a certainty below 1, as Platt proposed: (n + 1) / (n + 2) with
    the number of `groups` of that label, for the scores of one group are one observation.
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
    if slope <= 0:  # viral scores are no higher than host ones
        return {"slope": 0.0, "intercept": 0.0}
    return {"slope": float(slope), "intercept": float(intercept)}
