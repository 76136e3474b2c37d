"""Calls: the log-odds of frames become scores of windows, and these one call per contig."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import expit, logit

from seqloom.calls.rollups import VIRNUCPRO, WEIGHTED_DELTA, best_frames, weighted_delta
from seqloom.errors import InputError
from seqloom.learn.false_calls import expected_fdr
from seqloom.learn.scores import calibrated, calibrated_log_odds, contig_scores, window_scores
from seqloom.learn.verdict import learning_failure, warning

VIRAL, HOST, UNCERTAIN, NOT_SCORED = "viral", "host", "uncertain", "not scored"
FACTS = ["contig", "header", "length", "gc", "n_fraction", "windows"]  # of the record
COLUMNS = [
    *(*FACTS, "scored", "frames", "probability", "fdr", "call", "confidence"),
    *("window_summary", "reason"),
]
VIRAL_WINDOW = 0.5
# Of calls with high confidence 1 in 10 may be wrong, with medium 3 in 10, with low more.
HIGH, MEDIUM = 0.9, 0.7
TIERS = np.array(["low", "medium", "high"])
FEW_WINDOWS = 5
# Of the weighted delta, from which on a call is made and is clear.
AMBIGUOUS, CLEAR = 0.3, 0.6


@dataclass(frozen=True)
class Rule:
    """How probabilities become calls."""

    prevalence: float
    threshold: float  # least probability of viral
    host_threshold: float  # below it a contig is host
    min_windows: int
    rollup: str


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
    scores = ["frames", "new", "logit", "lowest", "highest", "probability"]
    return windows[["contig", "window", "start", "end", *scores, "status"]]


def contig_calls(
    records: pd.DataFrame, windows: pd.DataFrame, description: Mapping[str, Any], rule: Rule
) -> pd.DataFrame:
    """One row per input record, in input order: COLUMNS, and log_odds at equal odds.

    A row depends on its contig, the classifier's `description` and the rule alone. A classifier
    that learned nothing calls nothing; one with a warning has no more than low confidence.
    """
    failure = learning_failure(description)
    number = pd.Index(records["contig"]).get_indexer(windows["contig"])
    windows = windows.assign(number=number)
    scored = windows[windows["frames"] > 0]
    calls = records[[*FACTS, "status", "reason"]].reset_index(drop=True)
    calls = calls.join(contig_scores(scored, ["number"]).set_index("number"))
    calls["scored"] = calls["scored"].fillna(0).astype("int64")
    counts = {"frames": scored["frames"], "viral": scored["probability"] > VIRAL_WINDOW}
    for name, values in counts.items():
        calls[name] = np.bincount(scored["number"], values, len(calls)).astype("int64")
    called = (calls["scored"] >= rule.min_windows) & (failure is None)
    calls["independent"] = calls["independent"].fillna(1)
    log_odds = calibrated_log_odds(
        calls["logit"], description["calibration"]["contig"], calls["independent"]
    )
    calls["log_odds"] = np.where(called, log_odds, np.nan)
    calls["probability"] = expit(calls["log_odds"] + logit(rule.prevalence))
    calls["fdr"] = expected_fdr(
        calls["log_odds"], calls["independent"], description["false_calls"], rule.prevalence
    )
    call, tier = _verdicts(calls, scored, rule)
    calls["call"] = np.where(called, call, NOT_SCORED)
    # A single window, as in contigs shorter than a window, gives low confidence.
    count = calls["independent"].round()
    tier = (tier - (count < FEW_WINDOWS) - (count < 2)).clip(lower=0)
    calls["confidence"] = np.where(called, TIERS[0 if warning(description) else tier], None)
    calls["window_summary"] = window_summaries(windows, len(calls))
    calls["reason"] = _reasons(calls, called, failure, rule.min_windows)
    return calls[[*COLUMNS, "log_odds"]]


def _verdicts(
    calls: pd.DataFrame, scored: pd.DataFrame, rule: Rule
) -> tuple[np.ndarray, pd.Series]:
    """Call and tier of confidence of each contig, by the rule; those of others know no odds."""
    if rule.rollup == WEIGHTED_DELTA:
        delta = weighted_delta(scored, ["number"]).reindex(calls.index)
        call = np.select([delta > AMBIGUOUS, delta < -AMBIGUOUS], [VIRAL, HOST], UNCERTAIN)
        return call, (delta.abs() > AMBIGUOUS) * 1 + (delta.abs() > CLEAR)
    probability = calls["probability"]
    if rule.rollup == VIRNUCPRO:
        best = best_frames(scored, ["number"]).reindex(calls.index)
        call = np.where(best >= 0, VIRAL, HOST)
    else:
        is_viral, is_host = probability >= rule.threshold, probability < rule.host_threshold
        call = np.select([is_viral, is_host], [VIRAL, HOST], UNCERTAIN)
    certainty = probability.where(call == VIRAL, 1 - probability)
    certainty = certainty.where(call != UNCERTAIN, 0)
    return call, (certainty >= MEDIUM) * 1 + (certainty >= HIGH)


def window_summaries(windows: pd.DataFrame, contigs: int) -> np.ndarray:
    """Runs of windows by contig: `5V1n2H` is 5 viral, 1 without a probability, 2 host.

    `windows` has the number of the contig; those of a contig follow each other.
    """
    summaries = np.full(contigs, "", object)
    if windows.empty:
        return summaries
    number, probability = windows["number"].to_numpy(), windows["probability"].to_numpy()
    kind = np.where(np.isnan(probability), 2, probability > VIRAL_WINDOW).astype(int)
    new_contig = np.append(True, number[1:] != number[:-1])
    first = np.flatnonzero(new_contig | np.append(True, kind[1:] != kind[:-1]))
    count = pa.array(np.diff(np.append(first, len(windows)))).cast(pa.string())
    runs = pc.binary_join_element_wise(count, pa.array(np.array(["H", "V", "n"])[kind[first]]), "")
    begin = np.flatnonzero(new_contig[first])
    lists = pa.LargeListArray.from_arrays(np.append(begin, len(runs)), runs)
    summaries[number[first[begin]]] = pc.binary_join(lists, "").to_numpy(zero_copy_only=False)
    return summaries


def _reasons(
    calls: pd.DataFrame, called: pd.Series, failure: str | None, min_windows: int
) -> np.ndarray:
    """The reason for the call of each contig."""
    scored, windows = _counted(calls["scored"]), _counted(calls["windows"])
    is_scored = calls["scored"] > 0
    few = failure or scored.str.replace("window", "scored window") + f", {min_windows} needed"
    viral = calls["viral"].astype(str) + " of " + calls["scored"].astype(str)
    return np.select(
        [called, is_scored, calls["status"] == "ok"],
        [
            viral + " scored windows viral",
            few,
            "none of " + windows + " with a frame was read (max_frames)",
        ],
        calls["reason"],
    )


def _counted(windows: pd.Series) -> pd.Series:
    """`1 window`, `2 windows`."""
    return windows.astype(str) + np.where(windows == 1, " window", " windows")
