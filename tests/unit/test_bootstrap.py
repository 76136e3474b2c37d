"""Intervals over groups, strata, the sweep of thresholds, and the verdict on two experiments."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from seqloom.files.tables import write_table
from seqloom.learn.bootstrap import DRAWS, draws_of, interval
from seqloom.learn.comparison import Evaluation, comparison_rows
from seqloom.learn.metrics import all_metrics, drawn_metrics
from seqloom.learn.strata import strata_table, sweep_table

RNG = np.random.default_rng(0)


def contigs(groups: int, size: int = 5, noise: float = 0.5, seed: int = 0) -> pd.DataFrame:
    """Viral and host contigs in as many groups each; probabilities resemble within a group."""
    rng = np.random.default_rng(seed)
    viral = np.repeat([True, False], groups * size)
    group = np.repeat(np.arange(2 * groups), size)
    score = np.where(viral, 0.5, -0.5) + noise * rng.normal(size=2 * groups)[group]
    score += 0.1 * rng.normal(size=len(viral))
    table = pd.DataFrame({"viral": viral, "group": [f"g{i}" for i in group]})
    table["category"] = np.where(viral, "viral", "plant")
    table["label"] = np.where(viral, "viral", "host")
    table["sample"], table["contig"] = "s", [f"c{i}" for i in range(len(table))]
    table["length"], table["gc"] = rng.integers(500, 50_000, len(table)), 0.45
    return table.assign(probability=norm.cdf(score))


def test_each_draw_is_what_scikit_learn_finds_in_the_drawn_rows():
    table = contigs(6)
    viral, probability = table["viral"].to_numpy(), table["probability"].round(1).to_numpy()
    draws = draws_of(viral, table["group"])
    found = drawn_metrics(viral, probability, draws)
    counts = np.concatenate(list(draws.counts()))[:, draws.unit].astype(int)
    assert len(counts) == 1 + DRAWS and (counts[0] == 1).all()
    for number in (0, 1, 17, DRAWS):
        rows = np.repeat(np.arange(len(table)), counts[number])
        expected = {
            "auroc": roc_auc_score(viral[rows], probability[rows]),
            "average_precision": average_precision_score(viral[rows], probability[rows]),
            "accuracy": np.mean((probability[rows] >= 0.5) == viral[rows]),
        }
        for name, value in expected.items():
            assert found[name][number] == pytest.approx(value), name


def test_nineteen_of_twenty_intervals_of_a_share_hold_the_truth():
    held = 0
    for seed in range(40):
        table = contigs(40, size=2, seed=seed)
        viral = table["viral"].to_numpy()
        draws = draws_of(viral, table["group"])
        values = drawn_metrics(viral, table["probability"].to_numpy(), draws)
        low, high = interval(values["accuracy"], draws)
        held += low <= norm.cdf(0.5 / np.hypot(0.5, 0.1)) <= high
    assert 34 <= held <= 40


def test_all_right_in_few_groups_is_no_certainty():
    table = contigs(4, noise=0)
    viral = table["viral"].to_numpy()
    draws = draws_of(viral, table["group"])
    values = drawn_metrics(viral, table["probability"].to_numpy(), draws)
    assert interval(values["accuracy"], draws) == pytest.approx([0.025 ** (1 / 4), 1])


def test_fewer_than_three_groups_have_a_sentence_in_place_of_an_interval():
    table = contigs(2)
    metrics = all_metrics({"contig": table})["contig"]
    assert metrics["note"] == "no interval: only 2 viral groups and 2 host groups"
    assert set(metrics["intervals"].values()) == {None}
    strata = strata_table(contigs(5))
    assert (strata[strata["by"] == "group"]["note"] != "").all()
    assert (strata[strata["by"] == "category"]["note"] == "").all()


def test_strata_count_every_contig_once():
    table = contigs(5)
    strata = strata_table(table)
    assert (strata.groupby("by")["contigs"].sum() == len(table)).all()
    viral = strata[(strata["by"] == "category") & (strata["stratum"] == "viral")].iloc[0]
    right = (table["probability"] >= 0.5)[table["viral"]].mean()
    assert viral["recall"] == pytest.approx(right)
    assert viral["recall_low"] <= right <= viral["recall_high"]
    assert np.isnan(viral["specificity"])


def test_the_sweep_counts_calls_and_knows_what_prevalence_does_to_them():
    table = contigs(5)
    sweep = sweep_table(table).set_index("threshold")
    assert (sweep["called"].diff()[1:] <= 0).all()
    row = sweep.loc[0.5]
    called = table["probability"] >= 0.5
    false = called[~table["viral"]].mean()
    recall = called[table["viral"]].mean()
    assert row["recall"] == pytest.approx(recall)
    for share in (0.5, 0.1, 0.01):
        expected = recall * share / (recall * share + false * (1 - share))
        assert row[f"precision_at_{share:g}"] == pytest.approx(expected)


def evaluated(folder, name: str, table: pd.DataFrame, weights: int) -> Evaluation:
    (folder / name).mkdir()
    write_table(folder / name / "contigs.parquet", table, {})
    write_table(folder / name / "predictions.parquet", table.assign(id=table["contig"]), {})
    levels = all_metrics({"frame": table, "contig": table})
    facts = {"experiment": name, "fusion": name, "cut": "w300", "columns": 8}
    (folder / name / "metrics.json").write_text(json.dumps(facts | {"levels": levels}))
    return Evaluation(folder / name, weights)


def test_the_verdict_is_against_the_largest_model_on_the_same_contigs(tmp_path):
    table = contigs(100)
    large = evaluated(tmp_path, "large", table, 3000)
    near = table["probability"] + 0.01 * RNG.normal(size=len(table))
    guesses = {
        "near": near,
        "guess": RNG.random(len(table)),
    }
    others = [
        evaluated(tmp_path, name, table.assign(probability=values.clip(0, 1)), 8)
        for name, values in guesses.items()
    ]
    elsewhere = evaluated(tmp_path, "elsewhere", table.assign(sample="t"), 10)
    rows = comparison_rows([*others, large, elsewhere])
    by_contig = {row["experiment"]: row for row in rows if row["level"] == "contig"}
    assert {name: row["verdict"] for name, row in by_contig.items()} == {
        "near": "within 5 %",
        "guess": "more than 5 % worse",
        "large": "",
        "elsewhere": "",
    }
    assert by_contig["near"]["reference"] == "large"
    assert by_contig["guess"]["note"] == "no better than chance"
    assert by_contig["guess"]["change_high"] < -0.05 < by_contig["near"]["change_low"]


def test_a_share_of_an_auroc_of_zero_is_unknown(tmp_path):
    table = contigs(1, noise=0)
    wrong = table.assign(probability=1 - table["probability"])
    evaluations = [
        evaluated(tmp_path, "large", wrong, 3000),
        evaluated(tmp_path, "small", table, 8),
    ]
    small = comparison_rows(evaluations)[-1]
    assert (small["change"], small["verdict"]) == (None, "none: too few groups")


def test_nothing_is_within_five_percent_of_a_guess(tmp_path):
    table = contigs(20)
    guess = table.assign(probability=RNG.random(len(table)))
    rows = comparison_rows(
        [evaluated(tmp_path, "large", guess, 3000), evaluated(tmp_path, "small", table, 8)]
    )
    assert {row["verdict"] for row in rows if row["experiment"] == "small"} == {
        "none: the reference is no better than chance"
    }
