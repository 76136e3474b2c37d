"""False calls that a classifier knows of, against simulated truth."""

from itertools import count

import numpy as np
import pytest
from test_calibration import contigs_of, simulated

from seqloom.learn.calibration import fit_calibration
from seqloom.learn.false_calls import LOG_ODDS, estimated_prevalence, expected_fdr, false_calls
from seqloom.learn.fragments import LENGTHS
from seqloom.learn.scores import calibrated_log_odds


def learned(table):
    calibration = fit_calibration(table)["contig"]
    return calibration, false_calls(table, calibration)


def test_calls_are_false_as_often_as_stated():
    """New classifiers are made until each case has 400 false calls."""
    contigs = contigs_of(simulated(99, [4] * 20_000, each=1.0))
    viral = np.arange(len(contigs)) % 2 == 1
    cases = {(0.5, 0.1): [0, 0], (0.1, 0.4): [0, 0]}
    for seed in count():
        calibration, known = learned(simulated(seed, [4, 8] * 125, each=1.0))
        log_odds = calibrated_log_odds(contigs["logit"], calibration, contigs["independent"])
        for (prevalence, limit), counts in cases.items():
            fdr = expected_fdr(log_odds, contigs["independent"], known, prevalence)
            counts[0] += np.sum((fdr <= limit) & ~viral)
            counts[1] += np.sum((fdr <= limit) & viral)
        if min(false for false, _ in cases.values()) >= 400:
            break
    for (prevalence, limit), (false, right) in cases.items():
        false, right = false * (1 - prevalence), right * prevalence
        assert false / (false + right) <= 1.2 * limit


def test_a_higher_score_and_a_longer_contig_have_no_higher_fdr():
    _, known = learned(simulated(0, [30] * 200))
    ratio = np.array(known["ratio"])
    assert ratio.shape == (len(LENGTHS), len(LOG_ODDS))
    assert (np.diff(ratio, axis=0) <= 0).all() and (np.diff(ratio, axis=1) <= 0).all()
    assert ratio.max() <= 1 and ratio.min() > 0
    scores, single = np.array([-50.0, 50.0, np.nan]), np.ones(3)
    fdr = expected_fdr(scores, single, known, 0.1)
    assert fdr[0] == pytest.approx(0.9) and fdr[1] < 0.9 and np.isnan(fdr[2])
    assert expected_fdr(scores, 40 * single, known, 0.1)[1] < fdr[1]


def test_without_a_false_call_the_number_of_groups_decides():
    table = simulated(0, [5] * 40, own=0.01, each=0.01)
    for groups, least in ((20, 2 / 21), (10, 2 / 11)):
        _, known = learned(table.assign(group=table["contig"] % (2 * groups)))
        assert np.min(known["ratio"]) == pytest.approx(least, abs=1e-6)
        assert expected_fdr([9.0], [5.0], known, 0.1)[0] == pytest.approx(
            0.9 * least / (0.9 * least + 0.1), abs=1e-5
        )


def test_a_threshold_is_where_the_fdr_is_reached_or_empty_with_a_reason():
    _, known = learned(simulated(0, [10] * 200, own=0.1, each=0.1))
    found = {(t["prevalence"], t["fdr"]): t for t in known["thresholds"]}
    assert len(found) == 9
    for (prevalence, limit), threshold in found.items():
        for length, probability in zip(LENGTHS, threshold["probability"], strict=True):
            if probability is None:
                assert threshold["reason"]
                continue
            score = np.log(probability / (1 - probability)) + np.array([-0.01, 0.01])
            below, above = expected_fdr(score, [length, length], known, prevalence)
            assert above <= limit < below
    assert None not in found[0.5, 0.05]["probability"]
    assert found[0.1, 0.05]["probability"] == [None] * len(LENGTHS)
    assert found[0.1, 0.05]["reason"] == (
        "validation has 100 groups of hosts, and 341 are needed to know it"
    )


def test_one_label_in_validation_knows_nothing():
    table = simulated(0, [5] * 20)
    calibration, _ = learned(table)
    hosts = table[table["label"] == "host"]
    assert np.min(false_calls(hosts, calibration)["ratio"]) == 1


@pytest.mark.parametrize("prevalence", [0.1, 0.01])
def test_the_prevalence_is_estimated_from_the_scores_of_a_sample(prevalence):
    rng = np.random.default_rng(0)
    viral = rng.random(200_000) < prevalence
    log_odds = rng.normal(np.where(viral, 4, -4), np.sqrt(8))  # of two normals, so calibrated
    assert estimated_prevalence(log_odds) == pytest.approx(viral.mean(), rel=0.05)


def test_scores_of_one_side_alone_estimate_no_or_only_viruses():
    assert estimated_prevalence(np.full(9, -1.0)) == 0
    assert estimated_prevalence(np.full(9, 1.0)) == 1
