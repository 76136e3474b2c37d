"""Calibration of contigs of every length, on simulated scores whose truth is known."""

import numpy as np
import pandas as pd
import pytest

from seqloom.learn.calibration import fit_calibration
from seqloom.learn.fragments import LENGTHS
from seqloom.learn.metrics import CONTIG, calibration_error
from seqloom.learn.scores import IDENTITY, calibrated, contig_scores, window_scores


def simulated(seed, sizes, shift=0.0, correlation=0.5, own=0.8, each=2.0):
    """Windows of contigs, half of them viral, that score 1 and -1 on average.

    A contig is off by a normal `own`, a window by a normal `each` that resembles the one before.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for contig, size in enumerate(sizes):
        noise = rng.normal(0, each, size)
        for i in range(1, size):
            fresh = np.sqrt(1 - correlation**2) * noise[i]
            noise[i] = correlation * noise[i - 1] + fresh
        rows.append(noise + rng.normal(0, own) + (1 if contig % 2 else -1) + shift)
    contig = np.repeat(np.arange(len(sizes)), sizes)
    window = np.concatenate([np.arange(size) for size in sizes])
    table = pd.DataFrame({"sample": "s", "contig": contig, "window": window, "group": contig})
    table["label"] = np.where(contig % 2, "viral", "host")
    return table.assign(start=300 * window, end=300 * window + 300, logit=np.concatenate(rows))


def contigs_of(table):
    return contig_scores(window_scores(table, CONTIG), CONTIG)


def sizes(seed, count):
    return np.maximum(1, np.random.default_rng(seed).lognormal(np.log(60), 1, count).astype(int))


@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_contigs_of_every_length_have_true_probabilities(shift):
    fitted = fit_calibration(simulated(0, sizes(0, 2000), shift))
    calibration = fitted["contig"]
    assert calibration["trust"] == 1
    assert calibration["correlation"] == pytest.approx(0.5, abs=0.1)
    # Of neighbors, whose contig's own part of 0.8 ** 2 is common to both.
    between = (0.64 + 0.5 * 4) / (0.64 + 4)
    assert fitted["frame"]["correlation"] == pytest.approx(between, abs=0.05)
    for length in LENGTHS:
        contigs = contigs_of(simulated(1, [length] * 10_000, shift))
        probability = calibrated(contigs["logit"], calibration, contigs["independent"])
        assert calibration_error(np.arange(10_000) % 2 == 1, probability) <= 0.03


@pytest.mark.parametrize("count", [10, 58])
def test_few_contigs_make_no_probabilities_much_worse_than_raw_ones(count):
    """Raw log-odds are nearly right here: what is the contig's own outweighs its windows."""
    noise = {"correlation": 0.0, "own": 3.0, "each": 3.0}

    def scored(seed, sizes):
        table = simulated(seed, sizes, **noise)
        return table.assign(logit=table["logit"] / 5)

    fits = [fit_calibration(scored(seed, sizes(seed, count) // 3 + 1)) for seed in range(8)]
    assert fits[0]["contig"]["trust"] == fits[0]["frame"]["trust"] == count / 200
    for length in (1, 10, 100):
        contigs = contigs_of(scored(99, [length] * 2000))
        raw, *errors = (
            calibration_error(
                np.arange(2000) % 2 == 1,
                calibrated(contigs["logit"], numbers, contigs["independent"]),
            )
            for numbers in (IDENTITY, *(fit["contig"] for fit in fits))
        )
        assert np.mean(errors) <= raw + 0.02


def test_scores_of_the_wrong_direction_have_no_slope():
    table = simulated(0, [5] * 80)
    calibration = fit_calibration(table.assign(logit=-table["logit"]))
    assert calibration["frame"]["slope"] == calibration["contig"]["slope"] == 0
