"""Figures as reproducible SVG."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqloom.learn.bootstrap import ENDS, draws_of
from seqloom.learn.metrics import Curve, reliability

matplotlib.use("Agg")
# Text stays text, and ids are derived from the contents instead of random.
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "seqloom"})

DIAGONAL = {"color": "0.7", "linewidth": 1, "linestyle": "--"}
BAR = 0.4
GRID = np.linspace(0, 1, 101)
POINTS = 1000  # of a scatter plot, each of which the report embeds


def write_roc(path: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """ROC curves of the levels with both labels; that of contigs with its interval."""
    figure, axes = _square("False positive rate", "True positive rate")
    for level, table in tables.items():
        if table["viral"].nunique() == 2:
            curves = _roc_curves(table, with_draws=level == "contig")
            [line] = axes.plot(GRID, curves[0], label=f"{level}s (n = {len(table):,})")
            if len(curves) > 1:
                low, high = np.percentile(curves[1:], ENDS, axis=0)
                axes.fill_between(GRID, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    axes.legend(loc="lower right", frameon=False)
    _save(figure, path)


def _roc_curves(table: pd.DataFrame, with_draws: bool) -> np.ndarray:
    """True positive rates at the false positive rates of GRID, of the rows and of each draw."""
    viral = table["viral"].to_numpy()
    draws = draws_of(viral, table["group"])
    curve = Curve(viral, table["probability"].to_numpy(), draws)
    rates = []
    for counts in draws.counts():
        true, false = curve.points(counts)
        for t, f in zip(true / true[:, -1:], false / false[:, -1:], strict=True):
            rates.append(np.interp(GRID, np.append(0, f), np.append(0, t)))
        if not with_draws:
            break
    return np.array(rates)


def write_calibration(path: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """The share of viral records by predicted probability."""
    figure, axes = _square("Probability", "Share of viral")
    for level, table in tables.items():
        bins = reliability(table["viral"].to_numpy(), table["probability"].to_numpy())
        axes.plot(bins["probability"], bins["viral"], marker="o", label=f"{level}s")
    axes.legend(loc="upper left", frameon=False)
    _save(figure, path)


def write_sweep(path: Path, sweep: pd.DataFrame) -> None:
    """Recall, specificity and precision of contigs by the threshold of a call."""
    figure, axes = _square("Threshold", "Share of contigs", diagonal=False)
    shown = {
        "recall": "recall",
        "specificity": "specificity",
        "precision_at_0.1": "precision, 10 % viral",
    }
    for name, label in shown.items():
        values, low, high = (sweep[f"{name}{end}"].astype(float) for end in ("", "_low", "_high"))
        [line] = axes.plot(sweep["threshold"], values, label=label)
        axes.fill_between(
            sweep["threshold"], low, high, color=line.get_color(), alpha=0.2, linewidth=0
        )
    axes.legend(loc="lower left", frameon=False)
    _save(figure, path)


def write_pca(path: Path, features: np.ndarray, frames: pd.DataFrame) -> None:
    """The first two principal components of the standardized features of some frames."""
    rows = np.unique(np.linspace(0, len(features) - 1, POINTS).astype(int))
    values = features[rows].astype(np.float64)
    values = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9)
    _, sizes, axes_of = np.linalg.svd(values, full_matrices=False)
    axes_of = axes_of[:2] * np.sign(axes_of[:2].sum(axis=1, keepdims=True))
    x, y = axes_of @ values.T
    share = sizes[:2] ** 2 / max((sizes**2).sum(), 1e-9)  # all may be alike
    figure = Figure(figsize=(4, 4), layout="constrained")
    axes = figure.subplots()
    viral = frames["viral"].to_numpy()[rows]
    for label, chosen in (("host", ~viral), ("viral", viral)):
        axes.plot(x[chosen], y[chosen], ".", markersize=3, alpha=0.6, label=f"{label} frames")
    axes.set(
        xlabel=f"First component ({share[0]:.0%})", ylabel=f"Second component ({share[1]:.0%})"
    )
    axes.legend(frameon=False)
    _save(figure, path)


def write_comparison(path: Path, table: pd.DataFrame) -> None:
    """AUROC of every experiment, for frames and for contigs."""
    names = table["experiment"].drop_duplicates().tolist()
    figure = Figure(figsize=(6, 1 + 0.5 * len(names)), layout="constrained")
    axes = figure.subplots()
    table = table.set_index(["experiment", "level"])
    auroc, low, high = (table[f"auroc{end}"].astype(float) for end in ("", "_low", "_high"))
    for offset, level in ((-BAR / 2, "frame"), (BAR / 2, "contig")):
        rows = [(name, level) for name in names]
        ends = abs(np.array([low[rows] - auroc[rows], high[rows] - auroc[rows]]))
        places = [y + offset for y in range(len(names))]
        error = {"xerr": np.nan_to_num(ends), "error_kw": {"elinewidth": 1}}
        axes.barh(places, auroc[rows], BAR, label=f"{level}s", **error)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set(xlabel="AUROC on the test part", xlim=(0, 1))
    axes.axvline(0.5, **DIAGONAL)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    _save(figure, path)


def _square(xlabel: str, ylabel: str, diagonal: bool = True) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4, 4), layout="constrained")
    axes = figure.subplots()
    if diagonal:
        axes.plot([0, 1], [0, 1], **DIAGONAL)
    axes.set(xlabel=xlabel, ylabel=ylabel, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None})
