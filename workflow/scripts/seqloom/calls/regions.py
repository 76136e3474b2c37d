"""Viral regions of contigs, and what they say about their contigs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from seqloom.calls.contig_calls import HOST, VIRAL_WINDOW
from seqloom.calls.hmm import Chain, viral_stretches
from seqloom.learn.scores import calibrated, calibrated_log_odds, contig_scores

COLUMNS = [
    *("region", "contig", "start", "end", "length", "windows", "viral_windows"),
    *("probability", "score", "edge", "left_flank", "right_flank"),
]
EDGES = np.array(["none", "left", "right", "both"])


def viral_regions(
    windows: pd.DataFrame,
    calibration: Mapping[str, Mapping[str, Any]],
    lengths: Mapping[str, int],
    chain: Chain,
) -> pd.DataFrame:
    """The viral regions of all contigs, in order, as half-open intervals from 0.

    A window without a probability says nothing, and no region begins or ends with one.
    """
    contig = windows["contig"]
    first = (contig != contig.shift()).to_numpy()
    evidence = window_evidence(windows, calibration)
    found = viral_stretches(evidence, windows["start"].to_numpy(), first, chain)
    begins, ends = (np.bincount(at, minlength=len(windows) + 1) for at in (found.begin, found.end))
    is_inside = np.cumsum(begins - ends)[:-1] > 0
    number = np.cumsum(begins)[:-1] - 1

    scored = windows.assign(number=number, is_inside=is_inside)[windows["probability"].notna()]
    scored = scored.assign(
        at_left=scored["contig"] != scored["contig"].shift(),
        at_right=scored["contig"] != scored["contig"].shift(-1),
        is_viral=scored["probability"] > VIRAL_WINDOW,
    )[scored["is_inside"]]
    regions = scored.groupby("number").agg(
        contig=("contig", "first"),
        start=("start", "first"),
        end=("end", "last"),
        viral_windows=("is_viral", "sum"),
        at_left=("at_left", "any"),
        at_right=("at_right", "any"),
    )
    means = contig_scores(scored, ["number"]).set_index("number")
    place = [f"{c}:{s + 1}-{e}" for c, s, e in regions[["contig", "start", "end"]].to_numpy()]
    return regions.assign(
        region=pd.Series(place, regions.index, dtype="str"),
        length=regions["end"] - regions["start"],
        windows=means["scored"],
        probability=calibrated(means["logit"], calibration["contig"], means["independent"]),
        score=expit(found.log_odds),
        edge=EDGES[regions["at_left"] + 2 * regions["at_right"]],
        left_flank=regions["start"],
        right_flank=regions["contig"].map(lengths).astype("int64") - regions["end"],
    )[COLUMNS].reset_index(drop=True)


def window_evidence(
    windows: pd.DataFrame, calibration: Mapping[str, Mapping[str, Any]]
) -> np.ndarray:
    """The log-odds that each window adds to those of its neighbors."""
    # If windows resemble their neighbors by a factor r, the mean of n is as certain as that of
    # n * (1 - r) / (1 + r) windows that do not.
    r = calibration["frame"]["correlation"]
    independent = windows["new"].to_numpy() * (1 - r) / (1 + r)
    evidence = independent * calibrated_log_odds(windows["logit"], calibration["frame"])
    return np.where(windows["probability"].notna(), evidence, 0.0)


def with_regions(calls: pd.DataFrame, regions: pd.DataFrame) -> pd.DataFrame:
    """The calls with their regions in a column, and in the reason unless they are the whole."""
    places = (regions["start"] + 1).astype(str) + "-" + regions["end"].astype(str)
    of_contig = places.groupby(regions["contig"]).agg(",".join)
    parts = regions[regions["edge"] != "both"].sort_values("length", ascending=False, kind="stable")
    count = parts["contig"].value_counts()
    longest = parts.drop_duplicates("contig").set_index("contig")[["start", "end"]] / 1000
    rows = longest.itertuples()
    told = {contig: _stretches(count[contig], start, end) for contig, start, end in rows}
    told = calls["contig"].map(told).astype(object).fillna("")
    host = (calls["call"] == HOST) & (told != "")
    calls = calls.assign(reason=np.where(host, "host with ", "") + told + calls["reason"])
    calls.insert(calls.columns.get_loc("reason"), "regions", calls["contig"].map(of_contig))
    return calls


def _stretches(count: int, start: float, end: float) -> str:
    """The number of viral stretches of a contig, and where the longest is, in kb."""
    if count == 1:
        return f"viral stretch {start:.1f}-{end:.1f} kb; "
    return f"{count} viral stretches, the longest {start:.1f}-{end:.1f} kb; "
