"""Calls: the log-odds of frames become scores of windows, and these one call per contig."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from seqloom.errors import InputError
from seqloom.learn.false_calls import expected_fdr
from seqloom.learn.scores import calibrated, calibrated_log_odds, contig_scores, window_scores
from seqloom.learn.verdict import learning_failure, warning
from seqloom.seqs.contigs import counted

VIRAL, HOST, UNCALLED = "viral", "host", "uncalled"
COLUMNS = [
    "contig",
    "length",
    "windows",
    "scored_windows",
    "viral_windows",
    "probability",
    "fdr",
    "call",
    "confidence",
    "reason",
]
VIRAL_WINDOW = 0.5
# Of calls with high confidence 1 in 10 may be wrong, with medium 3 in 10, with low more.
HIGH, MEDIUM = 0.9, 0.7
TIERS = np.array(["low", "medium", "high"])
FEW_WINDOWS = 5


@dataclass(frozen=True)
class Rule:
    """How probabilities become calls."""

    prevalence: float
    threshold: float
    min_windows: int


def check_complete(records: pd.DataFrame, frames: pd.DataFrame, table: Path) -> None:
    """Raise an error unless the shards have the windows and frames that the table counts."""
    found = frames.groupby("contig").agg(
        kept_windows=("window", "nunique"), kept_frames=("row", "count")
    )
    planned = records.set_index("contig")[["kept_windows", "kept_frames"]]
    planned, found = planned.align(found, fill_value=0)
    differs = (planned != found).any(axis=1)
    for contig in planned.index[differs][:1]:
        (windows, kept), (read, scored) = planned.loc[contig], found.loc[contig]
        raise InputError(
            f'{table}: contig "{contig}" has {kept} frames in {windows} windows to read, but the '
            f"shards have {scored} in {read}; give all shards of the sample, made with this table"
        )


def window_table(frames: pd.DataFrame, calibration: Mapping[str, float]) -> pd.DataFrame:
    """One row per kept window, in order; `frames` are the shard rows with their logit."""
    windows = frames.drop_duplicates(["contig", "window"])
    scores = window_scores(frames[frames["row"].notna()])
    windows = windows[["contig", "window", "start", "end", "status"]].merge(
        scores, how="left", on=["contig", "window"]
    )
    windows["frames"] = windows["frames"].fillna(0).astype("int32")
    windows["probability"] = calibrated(windows["logit"], calibration)
    columns = ["contig", "window", "start", "end", "frames", "new", "logit", "probability"]
    return windows[[*columns, "status"]]


def contig_calls(
    records: pd.DataFrame, windows: pd.DataFrame, description: Mapping[str, Any], rule: Rule
) -> pd.DataFrame:
    """One row per input record, in input order: COLUMNS, and log_odds at equal odds.

    A row depends on its contig, the classifier's `description` and the rule alone. A classifier
    that learned nothing calls nothing; one with a warning has no more than low confidence.
    """
    failure = learning_failure(description)
    scored = windows[windows["frames"] > 0]
    viral = scored[scored["probability"] > VIRAL_WINDOW].groupby("contig").size()
    calls = records.merge(contig_scores(scored), how="left", on="contig")
    calls["scored_windows"] = calls["scored_windows"].fillna(0).astype("int64")
    calls["viral_windows"] = calls["contig"].map(viral).fillna(0).astype("int64")
    called = (calls["scored_windows"] >= rule.min_windows) & (failure is None)
    independent = calls["independent"].fillna(1)
    log_odds = calibrated_log_odds(
        calls["logit"], description["calibration"]["contig"], independent
    )
    calls["log_odds"] = np.where(called, log_odds, np.nan)
    calls["probability"] = expit(calls["log_odds"] + logit(rule.prevalence))
    calls["fdr"] = expected_fdr(
        calls["log_odds"], independent, description["false_calls"], rule.prevalence
    )
    calls["call"] = np.where(calls["probability"] >= rule.threshold, VIRAL, HOST)
    calls["call"] = calls["call"].where(called, UNCALLED)
    sure = TIERS[0] if warning(description) else _confidence(calls)
    calls["confidence"] = np.where(called, sure, None)
    calls["reason"] = [_reason(row, failure, rule.min_windows) for row in calls.itertuples()]
    return calls


def _confidence(calls: pd.DataFrame) -> np.ndarray:
    certainty = calls["probability"].where(calls["call"] == VIRAL, 1 - calls["probability"])
    tier = (certainty >= HIGH).astype(int) + (certainty >= MEDIUM).astype(int)
    # A single window, as in contigs shorter than a window, gives low confidence.
    few = (calls["scored_windows"] < FEW_WINDOWS).astype(int) + (calls["scored_windows"] < 2)
    return TIERS[(tier - few).clip(lower=0)]


def _reason(row, failure: str | None, min_windows: int) -> str:
    """The reason for the call of a contig."""
    if row.call != UNCALLED:
        return f"{row.viral_windows} of {row.scored_windows} scored windows viral"
    if row.scored_windows and failure:
        return failure
    if row.scored_windows:
        return f"{counted(row.scored_windows, 'scored window')}, {min_windows} needed"
    if row.status == "ok":
        return f"none of {counted(row.windows, 'window')} with a frame was read (max_frames)"
    return row.reason
