import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqloom.learn.calibration import fit_calibration, platt
from seqloom.learn.scores import calibrated


def drawn(count, slope, intercept, seed=0):
    """Scores in many groups, with labels drawn by slope and intercept."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 3, count)
    viral = rng.random(count) < calibrated(logit, {"slope": slope, "intercept": intercept})
    return viral, logit, np.full(count, count)


def test_a_known_calibration_is_recovered():
    fitted = platt(*drawn(100_000, 0.4, 0.0))
    assert fitted["slope"] == pytest.approx(0.4, abs=0.01)
    assert fitted["intercept"] == pytest.approx(0.0, abs=0.02)


def test_the_share_of_viral_records_does_not_shift_the_probabilities():
    viral, logit, groups = drawn(100_000, 1.0, 0.0)
    keep = viral | (np.arange(len(viral)) % 10 == 0)
    fitted = platt(viral[keep], logit[keep], groups[keep])
    assert fitted["slope"] == pytest.approx(1.0, abs=0.05)
    assert fitted["intercept"] == pytest.approx(0.0, abs=0.05)


def test_perfectly_separated_scores_give_finite_and_modest_probabilities():
    viral = np.array([True] * 3 + [False] * 3)
    logit = np.array([5.0, 6.0, 7.0, -5.0, -6.0, -7.0])
    fitted = platt(viral, logit, np.full(6, 3))
    assert calibrated([6.0, -6.0], fitted) == pytest.approx([0.8, 0.2], abs=0.02)


def test_certainty_depends_on_the_number_of_groups_not_of_contigs():
    logit = np.linspace(5, 7, 100)
    rows = [
        (f"{label}{i}", label, f"{label}{i % 2}", sign * value)
        for label, sign in (("viral", 1), ("host", -1))
        for i, value in enumerate(logit)
    ]
    frames = pd.DataFrame(rows, columns=["contig", "label", "group", "logit"])
    calibration = fit_calibration(frames.assign(sample="s", window=1))
    for level in ("frame", "contig"):  # two groups were right: 3 in 4
        assert calibrated([6.0, -6.0], calibration[level]) == pytest.approx([0.75, 0.25], abs=0.01)


@settings(max_examples=50)
@given(st.lists(st.floats(-50, 50), min_size=4, max_size=30))
def test_calibration_never_reverses_the_order(logit):
    logit = np.array(logit)
    fitted = platt(np.arange(len(logit)) % 2 == 0, logit, np.full(len(logit), 3))
    assert fitted["slope"] >= 0
    assert np.isfinite(list(fitted.values())).all()


def test_contigs_are_calibrated_on_means_over_windows():
    rows = [
        (f"c{i}", window, "viral" if i % 2 else "host", (1 if i % 2 else -1) * (window - 2.0))
        for i in range(8)
        for window in (1, 4)
    ]
    frames = pd.DataFrame(rows, columns=["contig", "window", "label", "logit"])
    frames = frames.assign(sample="s", group=frames["contig"])
    fitted = fit_calibration(frames)
    means = np.array([0.5, -0.5] * 4)
    assert fitted["contig"] == platt(means > 0, means, np.full(8, 4))
    assert fitted["contig"] != fitted["frame"]
