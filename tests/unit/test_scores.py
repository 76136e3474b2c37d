import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqloom.learn.scores import IDENTITY, calibrated, contig_scores, label_weights, window_scores

FRAMES = pd.DataFrame(
    {
        "sample": ["s", "s", "s", "s", "t"],
        "contig": ["b", "b", "b", "a", "b"],
        "window": [1, 1, 3, 1, 1],
        "logit": [1.0, 3.0, 5.0, -1.0, -7.0],
        "start": [0, 0, 200, 0, 0],
        "end": [100, 100, 300, 100, 100],
    }
)


def test_windows_are_means_of_their_frames_in_order_of_appearance():
    windows = window_scores(FRAMES[FRAMES["sample"] == "s"])
    assert windows.to_dict("list") == {
        "contig": ["b", "b", "a"],
        "window": [1, 3, 1],
        "frames": [2, 1, 1],
        "logit": [2.0, 5.0, -1.0],
        "lowest": [1.0, 5.0, -1.0],
        "highest": [3.0, 5.0, -1.0],
        "new": [1.0, 1.0, 1.0],
    }


def test_contigs_are_means_of_their_windows_not_of_their_frames():
    contigs = contig_scores(window_scores(FRAMES[FRAMES["sample"] == "s"]))
    assert contigs.to_dict("list") == {
        "contig": ["b", "a"],
        "scored": [2, 1],
        "independent": [2.0, 1.0],
        "logit": [3.5, -1.0],
    }


def test_windows_that_overlap_share_their_weight():
    rows = {"contig": "a", "window": [1, 2, 3], "logit": [1.0, 2.0, 4.0]}
    rows |= {"start": [0, 50, 100], "end": [100, 150, 200]}
    contigs = contig_scores(window_scores(pd.DataFrame(rows)))
    assert contigs["independent"].item() == 2
    assert contigs["logit"].item() == pytest.approx((0.75 * 1 + 0.5 * 2 + 0.75 * 4) / 2)


def test_contigs_of_the_same_name_in_two_samples_are_separate():
    keys = ["sample", "contig"]
    contigs = contig_scores(window_scores(FRAMES, keys), keys)
    assert contigs["logit"].tolist() == [3.5, -1.0, -7.0]
    assert contigs["sample"].tolist() == ["s", "s", "t"]


def test_labels_weigh_what_they_do_in_training_and_categories_of_a_label_the_same():
    rows = [("viral", "viral")] * 2 + [("host", "plant")] * 90 + [("host", "fungi")] * 8
    frames = pd.DataFrame(rows, columns=["label", "category"])
    frames["weight"] = label_weights(frames, 0.4)
    weights = frames.groupby("category")["weight"].sum() / 100
    assert weights.to_dict() == pytest.approx({"viral": 0.4, "plant": 0.3, "fungi": 0.3})


def test_no_frames_give_no_rows():
    empty = window_scores(FRAMES.iloc[:0])
    assert len(empty) == 0
    assert list(contig_scores(empty)) == ["contig", "scored", "independent", "logit"]


@given(st.lists(st.floats(-1e6, 1e6), min_size=2), st.floats(0.01, 100), st.floats(-100, 100))
def test_calibration_keeps_the_order_and_does_not_overflow(logits, slope, offset):
    ordered = np.sort(logits)
    with np.errstate(over="raise", invalid="raise"):
        probability = calibrated(ordered, IDENTITY | {"slope": slope, "offset": offset})
    assert np.all(np.diff(probability) >= -1e-15)
    assert np.all((probability >= 0) & (probability <= 1))


def test_identity_calibration_is_the_sigmoid():
    probability = calibrated(np.array([0.0, np.log(3.0)]), IDENTITY)
    np.testing.assert_allclose(probability, [0.5, 0.75])
