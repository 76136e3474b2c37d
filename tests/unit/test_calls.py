import csv

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from seqloom.calls.contig_calls import (
    COLUMNS,
    Rule,
    contig_calls,
    window_table,
)
from seqloom.calls.rollups import weighted_delta
from seqloom.calls.summary import summary
from seqloom.files.tables import write_tsv
from seqloom.learn.scores import IDENTITY
from seqloom.learn.split import PARTS
from seqloom.seqs.contigs import planned_contigs
from seqloom.seqs.frames import STATUSES
from seqloom.seqs.windows import Layout


def frame_rows(*windows):
    """Shard rows: (contig, window, log-odds of its frames or why there is none)."""
    rows = []
    for contig, window, logits in windows:
        place = {"contig": contig, "window": window, "start": 300 * window - 300}
        place["end"] = 300 * window
        if isinstance(logits, str):
            rows.append(place | {"row": None, "status": logits, "logit": np.nan})
        for logit in [] if isinstance(logits, str) else logits:
            rows.append(place | {"row": len(rows), "status": "ok", "logit": logit})
    columns = ["contig", "window", "start", "end", "row", "status", "logit"]
    return pd.DataFrame(rows, columns=columns).astype({"row": "Int32"})


def records(*rows):
    """Contigs as the plan counts them: (contig, length, windows, status, reason)."""
    columns = ["contig", "length", "windows", "status", "reason"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(header=table["contig"], gc="0.5000", n_fraction="0.0000")


KNOWN = {"windows": [1, 2], "log_odds": [-2.0, 0.0, 2.0], "ratio": [[1, 0.5, 0.1], [1, 0.25, 0.01]]}


def classifier(calibration=IDENTITY, **validation):
    """The description of a classifier of which nothing speaks against."""
    facts = {"loss": 0.2, "chance": 0.6931, "error": 0.01, "groups": 20} | validation
    return {
        "calibration": {"frame": IDENTITY, "contig": calibration},
        "false_calls": KNOWN,
        "validation": facts,
        "train": {part: {"host_contigs": 40, "viral_contigs": 40} for part in PARTS},
    }


def calls_of(contigs, frames, description=None, **rule):
    windows = window_table(frames, IDENTITY)
    plain = {"prevalence": 0.5, "threshold": 0.5, "host_threshold": 0.5, "min_windows": 1}
    rule = Rule(**plain | {"rollup": "mean"} | rule)
    calls = contig_calls(contigs, windows, description or classifier(), rule)
    return calls.set_index("contig", drop=False)


METAGENOME = records(
    ("host", 900, 3, "ok", ""),
    ("empty", 0, 0, "empty", "no sequence"),
    ("phage", 600, 2, "ok", ""),
    ("n_only", 400, 2, "all_ambiguous", "no A, C, G or T"),
    ("closed", 900, 3, "no_frame", "no open frame in 3 windows"),
    (
        "unclear",
        600,
        2,
        "no_frame",
        "no open frame in 1 window, too many ambiguous bases in 1 window",
    ),
    ("short", 12, 1, "no_frame", "no open frame in 1 window"),
    ("unread", 900, 3, "ok", ""),
    ("NA", 300, 1, "ok", ""),
)
FRAMES = frame_rows(
    ("host", 1, [-3.0]),
    ("host", 2, [-1.0]),
    ("host", 3, [1.0]),
    ("phage", 1, [2.0, 4.0]),
    ("phage", 2, [1.0]),
    ("closed", 1, "no_open_frame"),
    ("closed", 2, "no_open_frame"),
    ("closed", 3, "no_open_frame"),
    ("n_only", 1, "ambiguous"),
    ("n_only", 2, "ambiguous"),
    ("unclear", 1, "ambiguous"),
    ("unclear", 2, "no_open_frame"),
    ("short", 1, "no_open_frame"),
    ("unread", 2, "no_open_frame"),
    ("NA", 1, [3.0]),
)


def test_every_record_has_a_row_in_input_order():
    calls = calls_of(METAGENOME, FRAMES)
    assert calls["contig"].tolist() == METAGENOME["contig"].tolist()
    assert list(calls[COLUMNS]) == COLUMNS


def test_calls_and_counts():
    calls = calls_of(METAGENOME, FRAMES)
    expected = {"host": "host", "phage": "viral", "NA": "viral"}
    assert calls["call"].to_dict() == {c: expected.get(c, "not scored") for c in calls.index}
    counts = ["windows", "scored", "frames", "window_summary"]
    assert calls.loc["host", counts].tolist() == [3, 3, 3, "2H1V"]
    assert calls.loc["phage", counts].tolist() == [2, 2, 3, "2V"]
    assert calls.loc["closed", counts].tolist() == [3, 0, 0, "3n"]
    assert calls.loc["empty", counts].tolist() == [0, 0, 0, ""]
    # The contig is the mean of its windows, a window the mean of its frames: (3 + 1) / 2.
    assert calls.loc["phage", "probability"] == pytest.approx(1 / (1 + np.exp(-2)))


def test_unscored_contigs_have_a_reason():
    calls = calls_of(METAGENOME, FRAMES)
    assert calls["reason"].to_dict() == {
        "host": "1 of 3 scored windows viral",
        "empty": "no sequence",
        "phage": "2 of 2 scored windows viral",
        "n_only": "no A, C, G or T",
        "closed": "no open frame in 3 windows",
        "unclear": "no open frame in 1 window, too many ambiguous bases in 1 window",
        "short": "no open frame in 1 window",
        "unread": "none of 3 windows with a frame was read (max_frames)",
        "NA": "1 of 1 scored windows viral",
    }
    unscored = calls[calls["call"] == "not scored"]
    assert unscored[["probability", "fdr", "confidence"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("lost", "reason"),
    [
        (["no_open_frame"], "no open frame in 1 window"),
        (["ambiguous"] * 2, "too many ambiguous bases in 2 windows"),
        (
            ["not_coding", "no_open_frame", "ambiguous", "no_open_frame"],
            "no open frame in 2 windows, too many ambiguous bases in 1 window, "
            "no coding frame in 1 window",
        ),
    ],
)
def test_the_reason_lists_why_windows_have_no_frame(lost, reason):
    stored = pd.DataFrame({"contig": ["a", "b"], "header": "", "length": 0, "gc": "0.5000"})
    stored = stored.assign(n_fraction="0.0000", status="ok", reason="", sha256="")
    layout = Layout(["a", "b"], np.zeros(2), np.array([1, 1 + len(lost)]))
    # One byte per window: bit 6 is set if it is read, bit 7 if it has no frame.
    plan = np.array([0b0100_0001, *(0b1100_0000 | STATUSES.index(why) for why in lost)], np.uint8)
    frames = frame_rows(("a", 1, [1.0]), *(("b", i, why) for i, why in enumerate(lost, start=1)))
    planned = planned_contigs(pa.Table.from_pandas(stored), layout, plan).to_pandas()
    calls = calls_of(planned, frames)
    assert calls.loc["b", ["call", "reason"]].tolist() == ["not scored", reason]
    assert calls.loc["a", ["call", "reason"]].tolist() == ["viral", "1 of 1 scored windows viral"]


def test_too_few_scored_windows_are_not_scored():
    calls = calls_of(METAGENOME, FRAMES, min_windows=3)
    assert calls.loc["phage", ["call", "reason"]].tolist() == [
        "not scored",
        "2 scored windows, 3 needed",
    ]
    assert np.isnan(calls.loc["phage", "probability"])
    assert calls.loc["host", "call"] == "host"


def test_a_classifier_that_learned_nothing_calls_nothing_and_gives_the_reason():
    why = "the classifier learned nothing: validation loss 0.7000 is no better than chance (0.6931)"
    calls = calls_of(METAGENOME, FRAMES, classifier(loss=0.7), threshold=0)
    assert calls["call"].unique().tolist() == ["not scored"]
    assert calls[["probability", "fdr", "confidence"]].isna().all(axis=None)
    assert calls.loc[["host", "phage", "NA"], "reason"].tolist() == [why] * 3
    # A contig without a scored window is not called by any classifier.
    rest = calls.index.difference(["host", "phage", "NA"])
    assert calls.loc[rest, "reason"].equals(calls_of(METAGENOME, FRAMES).loc[rest, "reason"])


def test_a_probability_at_the_threshold_is_viral():
    contigs, frames = records(("a", 300, 1, "ok", "")), frame_rows(("a", 1, [0.0]))
    assert calls_of(contigs, frames, threshold=0.5).loc["a", "call"] == "viral"
    assert calls_of(contigs, frames, threshold=0.51).loc["a", "call"] == "uncertain"


def test_between_the_thresholds_a_call_is_uncertain_and_has_low_confidence():
    contigs = records(*((name, 3000, 10, "ok", "") for name in "abc"))
    odds = zip("abc", (0.9, 0.8, -0.9), strict=True)
    frames = frame_rows(*((name, i, [x]) for name, x in odds for i in range(1, 11)))
    calls = calls_of(contigs, frames, threshold=0.7, host_threshold=0.3)
    assert calls["call"].tolist() == ["viral", "uncertain", "host"]
    assert calls["confidence"].tolist() == ["medium", "low", "medium"]


def test_two_windows_that_share_nearly_all_bases_count_as_one():
    frames = frame_rows(("a", 1, [9.0]), ("a", 2, [9.0]), ("b", 1, [9.0]), ("c", 1, [9.0]))
    frames = pd.concat([frames, frame_rows(("c", 2, [9.0]))], ignore_index=True)
    frames.loc[1, ["start", "end"]] = 1, 301
    contigs = records(*((n, size, 2, "ok", "") for n, size in (("a", 301), ("b", 300), ("c", 600))))
    calls = calls_of(contigs, frames)
    assert calls["confidence"].tolist() == ["low", "low", "medium"]


def test_the_rule_of_virnucpro_compares_the_best_scores_of_all_frames():
    contigs = records(*((name, 600, 2, "ok", "") for name in "abc"))
    frames = frame_rows(
        *[("a", 1, [-1.0, -2.0]), ("a", 2, [3.0])],  # best viral 3, best host 2
        *[("b", 1, [2.5, 2.0]), ("b", 2, [-3.0])],
        *[("c", 1, [2.0]), ("c", 2, [-2.0])],  # a tie is viral
    )
    calls = calls_of(contigs, frames, rollup="virnucpro")
    assert calls["call"].tolist() == ["viral", "host", "viral"]
    assert calls["probability"].equals(calls_of(contigs, frames)["probability"])


def test_the_rule_of_the_weighted_delta():
    contigs = records(*((name, 3000, 6, "ok", "") for name in "abcd"))
    odds = zip("abcd", (4.0, 1.0, 0.5, -1.0), strict=True)
    frames = frame_rows(*((name, i, [x, x]) for name, x in odds for i in range(1, 7)))
    calls = calls_of(contigs, frames, rollup="weighted_delta")
    # One frame alone has a delta of tanh(logit / 2): .96, .46, .24, -.46.
    assert calls["call"].tolist() == ["viral", "viral", "uncertain", "host"]
    assert calls["confidence"].tolist() == ["high", "medium", "low", "medium"]
    mixed = frame_rows(("a", 1, [2.0]), ("a", 2, [-1.0]))
    delta = np.tanh([1.0, -0.5])
    weight = np.sqrt(np.abs(delta))
    found = weighted_delta(window_table(mixed, IDENTITY), ["contig"])["a"]
    assert found == pytest.approx((weight * delta).sum() / weight.sum())


def test_probabilities_of_contigs_use_their_own_calibration():
    calls = calls_of(METAGENOME, FRAMES, classifier(IDENTITY | {"slope": 2.0, "offset": 2.5}))
    assert calls.loc["phage", "probability"] == pytest.approx(1 / (1 + np.exp(1)))
    assert calls.loc["phage", ["window_summary", "call"]].tolist() == ["2V", "host"]


def test_the_fdr_is_looked_up_by_score_and_length():
    calls = calls_of(METAGENOME, FRAMES, prevalence=0.2)
    # Log-odds: -1 of three windows, 2 of two, 3 of one.
    expected = {"host": 4 / 5, "phage": 0.04 / 1.04, "NA": 0.4 / 1.4}
    assert calls["fdr"].dropna().to_dict() == pytest.approx(expected)


def test_the_prevalence_moves_probabilities_and_with_them_calls():
    calls = calls_of(METAGENOME, FRAMES, prevalence=0.1)
    odds = {"host": np.exp(-1) / 9, "phage": np.exp(2) / 9, "NA": np.exp(3) / 9}
    expected = {name: x / (1 + x) for name, x in odds.items()}
    assert calls["probability"].dropna().to_dict() == pytest.approx(expected)
    assert calls.loc[["host", "phage", "NA"], "call"].tolist() == ["host", "host", "viral"]


@pytest.mark.parametrize(
    ("logit", "windows", "confidence"),
    [
        (3, 5, "high"),
        (3, 4, "medium"),
        (1.5, 5, "medium"),
        (1.5, 4, "low"),
        (0.5, 5, "low"),
        (0.5, 1, "low"),
        (-3, 5, "high"),
        (-1.5, 4, "low"),
    ],
)
def test_confidence_is_lower_for_uncertain_calls_and_few_windows(logit, windows, confidence):
    contigs = records(("a", 3000, windows, "ok", ""))
    frames = frame_rows(*(("a", i, [logit]) for i in range(1, windows + 1)))
    assert calls_of(contigs, frames).loc["a", "confidence"] == confidence


def test_a_doubt_about_the_classifier_leaves_low_confidence():
    calls = calls_of(METAGENOME, FRAMES, classifier(error=0.6))
    assert calls.loc[["host", "phage", "NA"], "confidence"].tolist() == ["low"] * 3
    assert calls["confidence"].notna().sum() == 3


def test_the_window_table_has_all_windows_in_order():
    windows = window_table(FRAMES, IDENTITY | {"offset": -1.0})
    assert len(windows) == 15
    phage = windows[windows["contig"] == "phage"]
    assert phage[["window", "start", "end", "frames", "logit"]].to_numpy().tolist() == [
        [1, 0, 300, 2, 3.0],
        [2, 300, 600, 1, 1.0],
    ]
    np.testing.assert_allclose(phage["probability"], 1 / (1 + np.exp([-4, -2])))
    closed = windows[windows["contig"] == "closed"]
    assert closed["frames"].tolist() == [0, 0, 0]
    assert closed["status"].tolist() == ["no_open_frame"] * 3
    assert closed[["logit", "probability"]].isna().all(axis=None)


def test_a_sample_without_readable_contigs():
    contigs = records(("a", 0, 0, "empty", "no sequence"))
    calls = calls_of(contigs, frame_rows())
    assert calls["call"].tolist() == ["not scored"]
    assert calls["reason"].tolist() == ["no sequence"]


def test_the_table_reads_back(tmp_path):
    calls = calls_of(METAGENOME, FRAMES)
    write_tsv(tmp_path / "contigs.tsv", calls)
    with open(tmp_path / "contigs.tsv", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    assert [row["contig"] for row in rows] == METAGENOME["contig"].tolist()
    assert rows[2]["probability"] == "0.8808" and rows[2]["scored"] == "2"
    assert (
        rows[0]["fdr"] == "0.5000" and rows[1]["probability"] == "" and rows[1]["confidence"] == ""
    )


def test_the_summary_counts_all_contigs():
    calls = calls_of(METAGENOME, FRAMES)
    numbers = summary(calls, pd.DataFrame({"region": ["phage:1-600"]}), 0.5)
    assert numbers["contigs"] == {"viral": 2, "host": 1, "uncertain": 0, "not scored": 6}
    assert numbers["bases"] == {"viral": 900, "host": 900, "uncertain": 0, "not scored": 2812}
    doubt = (1 / (1 + np.exp(2)) + 1 / (1 + np.exp(3))) / 2
    assert numbers["fdr"] == pytest.approx(doubt, abs=1e-4)
    assert numbers["regions"] == 1
    assert (numbers["estimated_prevalence"], numbers["fdr_at_estimate"]) == (1, 0)


def test_the_summary_has_what_the_sample_suggests():
    logits = [3.0] + [-3.0] * 9
    contigs = records(*((f"c{i}", 300, 1, "ok", "") for i in range(10)))
    calls = calls_of(contigs, frame_rows(*((f"c{i}", 1, [x]) for i, x in enumerate(logits))))
    numbers = summary(calls, calls.iloc[:0], 0.5)
    # Where the mean probability is the prevalence itself.
    prevalence = numbers["estimated_prevalence"]
    odds = np.exp(logits) * prevalence / (1 - prevalence)
    assert np.mean(odds / (1 + odds)) == pytest.approx(prevalence, abs=1e-5)
    assert numbers["fdr_at_estimate"] == pytest.approx(1 / (1 + odds[0]), abs=1e-4)
    assert numbers["fdr"] == pytest.approx(1 / (1 + np.exp(3)), abs=1e-4)
