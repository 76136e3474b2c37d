"""Metrics of predicted probabilities, per frame, window and contig, with their intervals."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from seqloom.learn.bootstrap import Draws, draws_of, interval, one_group
from seqloom.learn.scores import calibrated, contig_scores, window_scores

CONTIG = ["sample", "contig"]
THRESHOLD = 0.5
BINS = 10


def binary_metrics(
    viral: np.ndarray, probability: np.ndarray, draws: Draws | None = None
) -> dict[str, Any]:
    """All metrics of one level; an undefined one is None.

    With draws also `groups`, `intervals` and `note`, which says why there are none.
    """
    values = drawn_metrics(viral, probability, draws or one_group(viral))
    metrics: dict[str, Any] = {"n": len(viral), "positives": int(viral.sum())}
    metrics |= {key: None if np.isnan(v[0]) else float(v[0]) for key, v in values.items()}
    if draws is None:
        return metrics
    intervals = {name: interval(value, draws) for name, value in values.items()}
    called = probability >= THRESHOLD
    confusion = {
        f"{label}_called_{call}": int((of_label & of_call).sum())
        for label, of_label in (("viral", viral), ("host", ~viral))
        for call, of_call in (("viral", called), ("host", ~called))
    }
    metrics["confusion"] = confusion
    return metrics | {"groups": draws.groups, "intervals": intervals, "note": draws.note}


def drawn_metrics(
    viral: np.ndarray, probability: np.ndarray, draws: Draws
) -> dict[str, np.ndarray]:
    """Each metric of the rows themselves and then of each draw; an undefined one is NaN."""
    called = probability >= THRESHOLD
    outcomes = draws.sums(viral & called, ~viral & called, ~viral & ~called, viral & ~called)
    errors = (probability - viral) ** 2
    squares = draws.sums(errors * viral, errors * ~viral)
    bins = _bin_sums(viral, probability, draws)
    curve = Curve(viral, probability, draws)
    parts = []
    with np.errstate(invalid="ignore", divide="ignore"):
        for counts in draws.counts():
            rates = _rates(*(counts @ outcomes).T)
            positives, negatives = curve.totals(counts)
            weights = _label_weights(positives, negatives)
            brier = (counts @ squares * weights).sum(axis=1)
            parts.append(rates | curve.areas(counts) | {"brier": brier})
            parts[-1]["ece"] = _calibration_error(counts, bins, weights)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _rates(tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> dict[str, np.ndarray]:
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    # Undefined with one label; as scikit-learn has it, 0 if all calls are the same.
    mcc = np.where(product > 0, (tp * tn - fp * fn) / np.sqrt(product), 0.0)
    return {
        "accuracy": (tp + tn) / (tp + fp + tn + fn),
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "specificity": tn / (tn + fp),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "mcc": np.where((tp + fn > 0) & (tn + fp > 0), mcc, np.nan),
    }


class Curve:
    """True and false positives at each distinct probability, the highest first."""

    def __init__(self, viral: np.ndarray, probability: np.ndarray, draws: Draws) -> None:
        order = np.argsort(-probability, kind="stable")
        self.unit, self.viral = draws.unit[order], viral[order]
        self.ends = np.append(np.flatnonzero(np.diff(probability[order])), len(order) - 1)
        self.sizes = draws.sums(viral, ~viral)

    def totals(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positives and negatives of each draw."""
        positives, negatives = (counts @ self.sizes).T
        return positives, negatives

    def points(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """True and false positives of each draw [draws, thresholds]."""
        weight = counts[:, self.unit]
        true = np.cumsum(weight * self.viral, axis=1)[:, self.ends]
        return true, np.cumsum(weight, axis=1)[:, self.ends] - true

    def areas(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """Areas under the ROC curve and, by steps, under that of precision and recall."""
        true, false = self.points(counts)
        positives, negatives = self.totals(counts)
        gain = np.diff(true, prepend=0, axis=1)
        width = np.diff(false, prepend=0, axis=1)
        roc = (width * (true - gain / 2)).sum(axis=1) / (positives * negatives)
        seen = np.maximum(true + false, 1)  # before the first row of a draw all are 0
        average = (gain * true / seen).sum(axis=1) / positives
        return {
            "auroc": roc,
            "average_precision": np.where(negatives > 0, average, np.nan),
        }


def equal_weights(viral: np.ndarray) -> np.ndarray:
    """Weights of mean 1 under which both labels weigh the same, as the probabilities suppose."""
    share = viral.mean()
    if share in (0, 1):
        return np.ones(len(viral))
    return np.where(viral, 0.5 / share, 0.5 / (1 - share))


def reliability(viral: np.ndarray, probability: np.ndarray) -> pd.DataFrame:
    """Bins of equal width that are not empty: weight, mean probability, share of viral.

    Both labels weigh the same.
    """
    weight = equal_weights(viral)
    table = pd.DataFrame({"weight": weight, "probability": weight * probability})
    sums = table.assign(viral=weight * viral).groupby(_bins(probability)).sum()
    return sums.assign(**{key: sums[key] / sums["weight"] for key in ("probability", "viral")})


def _bins(probability: np.ndarray) -> np.ndarray:
    return np.minimum((probability * BINS).astype(int), BINS - 1)


def calibration_error(viral: np.ndarray, probability: np.ndarray) -> float:
    """Expected calibration error: the mean of |probability - share of viral| over the bins."""
    return binary_metrics(viral, probability)["ece"]


def _bin_sums(viral: np.ndarray, probability: np.ndarray, draws: Draws) -> np.ndarray:
    """Over each unit and bin the sums of probability - viral by label [labels, units, bins]."""
    size = (len(draws.viral), BINS)
    place = draws.unit * BINS + _bins(probability)
    error = probability - viral
    return np.stack(
        [
            np.bincount(place, error * chosen, size[0] * BINS).reshape(size)
            for chosen in (viral, ~viral)
        ]
    )


def _calibration_error(counts: np.ndarray, bins: np.ndarray, weights: np.ndarray) -> np.ndarray:
    viral, host = counts @ bins
    return abs(viral * weights[:, :1] + host * weights[:, 1:]).sum(axis=1)


def _label_weights(positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    """What a row of each label weighs in each draw, so that labels weigh the same [draws, 2]."""
    totals = np.stack([positives, negatives], axis=1)
    labels = (totals > 0).sum(axis=1, keepdims=True)
    return np.where(totals > 0, 1 / (labels * totals), 0)


def level_tables(
    frames: pd.DataFrame, calibration: Mapping[str, Mapping[str, float]]
) -> dict[str, pd.DataFrame]:
    """Tables of frames, windows and contigs with category, group, viral (bool) and probability.

    `frames` has sample, contig, window, start, end, label, category, group, logit.
    Windows are calibrated like frames.
    """
    facts = frames.drop_duplicates(CONTIG)[[*CONTIG, "label", "category", "group"]]
    windows = window_scores(frames, CONTIG)
    contigs = contig_scores(windows, CONTIG)
    tables = {
        "frame": (frames, calibration["frame"]),
        "window": (windows.merge(facts, on=CONTIG), calibration["frame"]),
        "contig": (contigs.merge(facts, on=CONTIG), calibration["contig"]),
    }
    return {
        level: table.assign(
            viral=table["label"] == "viral",
            probability=calibrated(table["logit"], numbers, table.get("independent", 1.0)),
        )
        for level, (table, numbers) in tables.items()
    }


def all_metrics(tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The key `levels` of metrics.json, from `level_tables`."""
    return {
        level: binary_metrics(
            viral, table["probability"].to_numpy(), draws_of(viral, table["group"])
        )
        for level, table in tables.items()
        for viral in [table["viral"].to_numpy()]
    }
