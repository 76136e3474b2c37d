"""Figures as reproducible SVG."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from seqloom.learn.metrics import reliability

matplotlib.use("Agg")
# Text stays text, and ids are derived from the contents instead of random.
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "seqloom"})

DIAGONAL = {"color": "0.7", "linewidth": 1, "linestyle": "--"}
BAR = 0.4


def write_roc(path: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """ROC curves of the levels with both labels."""
    figure, axes = _square("False positive rate", "True positive rate")
    for level, table in tables.items():
        if table["viral"].nunique() == 2:
            false, true, _ = roc_curve(table["viral"], table["probability"])
            axes.plot(false, true, label=f"{level}s (n = {len(table):,})")
    axes.legend(loc="lower right", frameon=False)
    _save(figure, path)


def write_calibration(path: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """The share of viral records by predicted probability."""
    figure, axes = _square("Probability", "Share of viral")
    for level, table in tables.items():
        bins = reliability(table["viral"].to_numpy(), table["probability"].to_numpy())
        axes.plot(bins["probability"], bins["viral"], marker="o", label=f"{level}s")
    axes.legend(loc="upper left", frameon=False)
    _save(figure, path)


def write_comparison(path: Path, table: pd.DataFrame) -> None:
    """AUROC of every experiment, for frames and for contigs."""
    names = table["experiment"].drop_duplicates().tolist()
    figure = Figure(figsize=(6, 1 + 0.5 * len(names)), layout="constrained")
    axes = figure.subplots()
    auroc = table.set_index(["experiment", "level"])["auroc"].astype(float)
    for offset, level in ((-BAR / 2, "frame"), (BAR / 2, "contig")):
        values = [auroc[name, level] for name in names]
        axes.barh([y + offset for y in range(len(names))], values, BAR, label=f"{level}s")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set(xlabel="AUROC on the test part", xlim=(0, 1))
    axes.axvline(0.5, **DIAGONAL)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    _save(figure, path)


def _square(xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], **DIAGONAL)
    axes.set(xlabel=xlabel, ylabel=ylabel, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None})
