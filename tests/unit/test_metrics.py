import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from seqloom.learn.metrics import all_metrics, binary_metrics, calibration_error, level_tables
from seqloom.learn.scores import IDENTITY

RNG = np.random.default_rng(0)
VIRAL = RNG.random(500) < 0.3
EQUAL_ODDS = np.where(VIRAL, 1 / VIRAL.sum(), 1 / (~VIRAL).sum())
PROBABILITY = np.clip(0.3 * VIRAL + 0.7 * RNG.random(500), 0, 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", reference.accuracy_score(VIRAL, PROBABILITY >= 0.5)),
        ("precision", reference.precision_score(VIRAL, PROBABILITY >= 0.5)),
        ("recall", reference.recall_score(VIRAL, PROBABILITY >= 0.5)),
        ("f1", reference.f1_score(VIRAL, PROBABILITY >= 0.5)),
        ("mcc", reference.matthews_corrcoef(VIRAL, PROBABILITY >= 0.5)),
        ("auroc", reference.roc_auc_score(VIRAL, PROBABILITY)),
        ("average_precision", reference.average_precision_score(VIRAL, PROBABILITY)),
        ("brier", reference.brier_score_loss(VIRAL, PROBABILITY, sample_weight=EQUAL_ODDS)),
    ],
)
def test_metrics_are_those_of_scikit_learn(name, expected):
    assert binary_metrics(VIRAL, PROBABILITY)[name] == pytest.approx(expected)


def test_counts():
    metrics = binary_metrics(VIRAL, PROBABILITY)
    assert (metrics["n"], metrics["positives"]) == (500, VIRAL.sum())


def test_undefined_metrics_are_null():
    nothing_viral = binary_metrics(np.array([False, False]), np.array([0.1, 0.2]))
    undefined = {name for name, value in nothing_viral.items() if value is None}
    assert undefined == {"precision", "recall", "f1", "mcc", "auroc", "average_precision"}
    all_viral = binary_metrics(np.array([True, True]), np.array([0.1, 0.9]))
    assert {name for name, value in all_viral.items() if value is None} == {
        "specificity",
        "mcc",
        "auroc",
        "average_precision",
    }


def test_calibration_error_by_hand():
    viral = np.array([True, False, True, False])
    probability = np.array([0.05, 0.05, 0.95, 1.0])
    # First bin: mean .05, half viral; last bin: mean .975, half viral.
    assert calibration_error(viral, probability) == pytest.approx(0.5 * 0.45 + 0.5 * 0.475)


def test_calibration_error_does_not_depend_on_the_share_of_viral_records():
    viral = np.array([True, False] * 50)
    probability = np.array([0.7, 0.4, 0.9, 0.1] * 25)
    more = np.append(np.flatnonzero(viral), np.tile(np.flatnonzero(~viral), 9))
    expected = calibration_error(viral, probability)
    assert calibration_error(viral[more], probability[more]) == pytest.approx(expected)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=30))
def test_every_metric_is_a_number_in_range_or_null(rows):
    viral, probability = map(np.array, zip(*rows, strict=True))
    metrics = binary_metrics(viral, probability)
    for name, value in metrics.items():
        if name not in ("n", "positives") and value is not None:
            assert (-1 if name == "mcc" else 0) <= value <= 1


def test_each_level_uses_its_own_calibration():
    rows = [
        ("s", "c", 1, "viral", "viral", 1.0),
        ("s", "c", 1, "viral", "viral", -3.0),
        ("s", "c", 2, "viral", "viral", 2.0),
        ("t", "c", 1, "host", "plant", -1.0),
        ("t", "d", 1, "host", "fungi", 0.25),
    ]
    columns = ["sample", "contig", "window", "label", "category", "logit"]
    frames = pd.DataFrame(rows, columns=columns).assign(group="g")
    frames = frames.assign(start=60 * frames["window"], end=60 * frames["window"] + 60)
    calibration = {"frame": IDENTITY, "contig": IDENTITY | {"offset": 0.5}}
    tables = level_tables(frames, calibration)
    assert tables["window"]["logit"].tolist() == [-1.0, 2.0, -1.0, 0.25]
    assert tables["contig"]["logit"].tolist() == [0.5, -1.0, 0.25]
    result = all_metrics(tables)
    assert {level: m["n"] for level, m in result.items()} == {
        "frame": 5,
        "window": 4,
        "contig": 3,
    }
    assert result["window"]["accuracy"] == 0.5
    assert result["contig"]["accuracy"] == 1.0
    assert result["contig"]["note"] == "no interval: only 1 viral group and 1 host group"
    assert result["contig"]["confusion"]["host_called_viral"] == 0
