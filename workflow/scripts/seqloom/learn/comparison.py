"""Experiments side by side, each against the one with the largest model on the same contigs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqloom.files.json_files import read_json
from seqloom.files.tables import read_table
from seqloom.learn.bootstrap import Draws, draws_of, with_interval
from seqloom.learn.metrics import CONTIG, Curve

FACTS = ["experiment", "fusion", "cut", "columns"]
METRICS = ["auroc", "average_precision", "f1", "mcc", "accuracy", "brier", "ece"]
# The files that have the scores of a level, and what names a row of theirs.
SCORES = {
    "frame": ("predictions.parquet", [*CONTIG, "id"]),
    "contig": ("contigs.parquet", CONTIG),
}
MOST_WORSE = 0.05  # the rule by which VirNucPro's smaller models were accepted
CHANCE = "no better than chance"


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of an experiment whose models have so many millions of weights."""

    folder: Path
    weights: int

    @cached_property
    def metrics(self) -> dict[str, Any]:
        return read_json(self.folder / "metrics.json")

    @cached_property
    def contigs(self) -> set[tuple[str, str]]:
        table = read_table(self.folder / "contigs.parquet", CONTIG)
        return set(zip(*(table[key].to_pylist() for key in CONTIG), strict=True))

    def scores(self, level: str) -> pd.DataFrame:
        file, keys = SCORES[level]
        columns = [*keys, "label", "group", "probability"]
        return read_table(self.folder / file, columns).to_pandas().set_index(keys)


def comparison_rows(evaluations: Sequence[Evaluation]) -> list[dict[str, Any]]:
    """One row per level of every experiment: metrics with intervals, and the verdict."""
    rows = []
    for evaluation in evaluations:
        same = [other for other in evaluations if other.contigs == evaluation.contigs]
        reference = max(same, key=lambda other: other.weights)
        for level, metrics in evaluation.metrics["levels"].items():
            row = {fact: evaluation.metrics[fact] for fact in FACTS}
            row |= {"weights": evaluation.weights, "level": level, "n": metrics["n"]}
            row |= {f"{label}_groups": count for label, count in metrics["groups"].items()}
            for name in METRICS:
                low, high = metrics["intervals"][name] or (None, None)
                row |= {name: metrics[name], f"{name}_low": low, f"{name}_high": high}
            note = metrics["note"] or (CHANCE if at_chance(metrics) else "")
            rows.append(row | {"note": note} | verdict(evaluation, reference, level))
    return rows


def at_chance(metrics: dict[str, Any]) -> bool:
    """Whether the interval of the AUROC reaches down to that of guessing."""
    return bool(metrics["intervals"]["auroc"]) and metrics["intervals"]["auroc"][0] <= 0.5


def verdict(evaluation: Evaluation, reference: Evaluation, level: str) -> dict[str, Any]:
    """How much of the reference's AUROC is lost or won, with the interval of that, and in words."""
    nothing = {"reference": None, "change": None, "change_low": None, "change_high": None}
    if evaluation is reference or level not in SCORES:
        return nothing | {"verdict": ""}
    mine, other = evaluation.scores(level), reference.scores(level)
    if len(mine) != len(other) or not mine.index.isin(other.index).all():
        return nothing | {"verdict": ""}
    other = other.loc[mine.index]
    viral = (mine["label"] == "viral").to_numpy()
    draws = draws_of(viral, mine["group"])
    mine, other = (drawn_auroc(viral, s["probability"].to_numpy(), draws) for s in (mine, other))
    ratio = np.divide(mine, other, out=np.full_like(mine, np.nan), where=other > 0)
    change = with_interval("change", ratio - 1, draws)
    words = _words(change["change_low"], change["change_high"])
    if at_chance(reference.metrics["levels"][level]):
        words = f"none: the reference is {CHANCE}"
    return {"reference": reference.metrics["experiment"]} | change | {"verdict": words}


def _words(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "none: too few groups"
    if low >= -MOST_WORSE:
        return "within 5 %"
    return "more than 5 % worse" if high < -MOST_WORSE else "open"


def drawn_auroc(viral: np.ndarray, probability: np.ndarray, draws: Draws) -> np.ndarray:
    """The AUROC of the rows themselves and then of each draw."""
    curve = Curve(viral, probability, draws)
    return np.concatenate([curve.areas(counts)["auroc"] for counts in draws.counts()])
