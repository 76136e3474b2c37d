"""The summary of a prediction, with what can only be estimated over a whole sample."""

from typing import Any

import pandas as pd
from scipy.special import expit, logit

from seqloom.calls.contig_calls import HOST, NOT_SCORED, UNCERTAIN, VIRAL
from seqloom.learn.false_calls import estimated_prevalence

CALLS = (VIRAL, HOST, UNCERTAIN, NOT_SCORED)


def summary(calls: pd.DataFrame, regions: pd.DataFrame, prevalence: float) -> dict[str, Any]:
    """Contigs and bases by call, the number of regions, and how many viral calls are wrong.

    That is the expected share, at the stated prevalence and at the one estimated of the sample.
    """
    groups = calls.groupby("call")["length"]
    log_odds = calls["log_odds"].dropna().to_numpy()
    estimate = estimated_prevalence(log_odds) if len(log_odds) else None
    return {
        "contigs": _by_call(groups.size()),
        "bases": _by_call(groups.sum()),
        "regions": len(regions),
        "fdr": _false_share(calls, prevalence),
        "estimated_prevalence": estimate and round(estimate, 6),
        "fdr_at_estimate": _false_share(calls, estimate),
    }


def _false_share(calls: pd.DataFrame, prevalence: float | None) -> float | None:
    """The expected share of false calls among the viral ones, if there are any."""
    log_odds = calls.loc[calls["call"] == VIRAL, "log_odds"]
    if log_odds.empty:
        return None
    return round(float(expit(-log_odds - logit(prevalence)).mean()), 4)


def _by_call(counts: pd.Series) -> dict[str, int]:
    return {call: int(counts.get(call, 0)) for call in CALLS}
