"""How well contigs are called by category, length, GC and group, and at other thresholds."""

import numpy as np
import pandas as pd

from seqloom.learn.bootstrap import draws_of, with_interval
from seqloom.learn.metrics import drawn_metrics

SHOWN = ("recall", "specificity", "auroc")
LENGTHS = {0: "below 1 kb", 1_000: "1 to 3 kb", 3_000: "3 to 10 kb", 10_000: "10 to 30 kb"}
LENGTHS |= {30_000: "30 to 100 kb", 100_000: "from 100 kb"}
GC = {0: "below 30 %", 0.3: "30 to 40 %", 0.4: "40 to 50 %", 0.5: "50 to 60 %", 0.6: "from 60 %"}
THRESHOLDS = [0.01, *(round(0.05 * i, 2) for i in range(1, 20)), 0.99]
PREVALENCES = (0.5, 0.1, 0.01)


def strata_table(contigs: pd.DataFrame) -> pd.DataFrame:
    """A row for each category, class of length and of GC, and group.

    `contigs` has category, group, length, gc, viral, probability.
    """
    classes = {
        "category": contigs["category"],
        "length": _classes(contigs["length"], LENGTHS),
        "gc": _classes(contigs["gc"], GC),
        "group": contigs["group"],
    }
    return pd.DataFrame(
        [
            {"by": by, "stratum": stratum, **_row(rows)}
            for by, values in classes.items()
            for stratum, rows in contigs.groupby(values, observed=True)
        ]
    )


def _classes(values: pd.Series, names: dict[float, str]) -> pd.Series:
    return pd.cut(values, [*names, np.inf], right=False, labels=list(names.values()))


def _row(rows: pd.DataFrame) -> dict[str, object]:
    viral = rows["viral"].to_numpy()
    draws = draws_of(viral, rows["group"])
    values = drawn_metrics(viral, rows["probability"].to_numpy(), draws)
    row = {"contigs": len(rows), "viral": int(viral.sum()), "groups": rows["group"].nunique()}
    for name in SHOWN:
        row |= with_interval(name, values[name], draws)
    return row | {"note": draws.note}


def sweep_table(contigs: pd.DataFrame) -> pd.DataFrame:
    """A row for each threshold: recall, specificity, and precision at each prevalence."""
    viral, probability = contigs["viral"].to_numpy(), contigs["probability"].to_numpy()
    draws = draws_of(viral, contigs["group"])
    called = [probability >= threshold for threshold in THRESHOLDS]
    sizes = draws.sums(viral, ~viral)
    right, wrong = (draws.sums(*(of & above for above in called)) for of in (viral, ~viral))
    counts = np.concatenate(list(draws.counts()))
    with np.errstate(invalid="ignore", divide="ignore"):
        positives, negatives = (counts @ sizes).T
        recall = counts @ right / positives[:, None]
        false = counts @ wrong / negatives[:, None]
        found = {"recall": recall, "specificity": 1 - false}
        for share in PREVALENCES:
            found[f"precision_at_{share:g}"] = (
                recall * share / (recall * share + false * (1 - share))
            )
    rows = []
    for column, threshold in enumerate(THRESHOLDS):
        row = {"threshold": threshold, "called": int(called[column].sum())}
        for name, values in found.items():
            row |= with_interval(name, values[:, column], draws)
        rows.append(row)
    return pd.DataFrame(rows)
