"""Whether a classifier learned anything, and the warnings about it."""

import numpy as np
import pandas as pd
import pytest

from seqloom.learn.split import PARTS
from seqloom.learn.verdict import learning_failure, validation_summary, warning

CALIBRATION = {level: {"slope": 1.0, "intercept": 0.0} for level in ("frame", "contig")}


def described(loss, error=0.01, **calibration):
    facts = {"loss": loss, "chance": 0.6931, "groups": 6, "error": error}
    contigs = {part: {"host_contigs": 30, "viral_contigs": 30} for part in PARTS}
    return {"validation": facts, "calibration": CALIBRATION | calibration, "train": contigs}


def test_chance_answers_the_share_of_viral_frames():
    frames = pd.DataFrame({"label": ["viral"] + ["host"] * 3, "group": list("abcd"), "weight": 1.0})
    facts = validation_summary(frames.assign(logit=np.log(1 / 3)))
    assert facts["loss"] == pytest.approx(facts["chance"])
    assert facts["chance"] == pytest.approx(-(0.25 * np.log(0.25) + 0.75 * np.log(0.75)))
    assert facts["error"] == pytest.approx(0, abs=1e-12)


def test_the_standard_error_is_over_groups_not_frames():
    rng = np.random.default_rng(0)
    groups = pd.DataFrame({"label": ["viral", "host"] * 5, "group": list("abcdefghij")})
    groups["weight"] = 1.0
    groups["logit"] = rng.normal(0, 2, 10)
    few, many = (pd.concat([groups] * count, ignore_index=True) for count in (1, 50))
    assert validation_summary(many) == pytest.approx(validation_summary(few))
    gain = np.log(2) - np.logaddexp(
        0, np.where(groups["label"] == "viral", -1, 1) * groups["logit"]
    )
    assert validation_summary(few)["error"] == pytest.approx(gain.std(ddof=1) / np.sqrt(10))
    assert validation_summary(few)["groups"] == 10


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        (described(0.6931), "validation loss 0.6931 is no better than chance (0.6931)"),
        (described(0.71, error=0.5), "validation loss 0.7100 is no better than chance (0.6931)"),
        (
            described(0.5, contig={"slope": 0.0, "intercept": 0.0}),
            "in validation, viral contigs score no higher than host contigs",
        ),
        (
            described(0.5, frame={"slope": 0.0, "intercept": 0.0}),
            "in validation, viral frames score no higher than host frames",
        ),
    ],
)
def test_a_classifier_that_learned_nothing_has_a_reason_and_a_warning(description, reason):
    assert learning_failure(description) == f"the classifier learned nothing: {reason}"
    assert warning(description).startswith(f"the classifier learned nothing: {reason}; it cannot")


def test_a_classifier_near_chance_has_a_warning_but_is_used():
    assert learning_failure(described(0.68, error=0.02)) is None
    assert warning(described(0.68, error=0.02)) == (
        "the classifier may be no better than chance: validation loss 0.6800, standard error "
        "0.0200 over 6 groups, chance 0.6931; its calls may be luck, so add unrelated genomes"
    )


def test_a_weak_classifier_of_many_groups_has_no_warning():
    assert warning(described(0.68, error=0.01)) is None


def test_few_contigs_and_all_other_doubts_make_one_warning():
    description = described(0.68, error=0.02)
    description["train"]["validation"]["host_contigs"] = 3
    description["train"]["test"] |= {"viral_contigs": 9, "host_contigs": 10}
    near_chance = warning(described(0.68, error=0.02))
    assert warning(description) == (
        f"{near_chance}; a part has fewer than 10 contigs of a label (3 host in validation, "
        "9 viral in test), so its figures may be luck; validation has fewer than 30 contigs of a "
        "label (3), so the probabilities are hardly calibrated"
    )


def test_a_calibration_on_few_contigs_has_a_warning():
    description = described(0.3)
    description["train"]["validation"]["viral_contigs"] = 29
    assert warning(description) == (
        "validation has fewer than 30 contigs of a label (29), so the probabilities are hardly "
        "calibrated"
    )
