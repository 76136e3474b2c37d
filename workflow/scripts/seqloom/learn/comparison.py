"""Experiments and their baselines side by side."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from seqloom.files.json_files import read_json

FACTS = ["experiment", "model", "fusion", "cut", "columns"]
METRICS = ["n", "auroc", "average_precision", "f1", "mcc", "accuracy", "brier", "ece"]


def metrics_files(folders: Sequence[Path]) -> list[Path]:
    """The metrics of every experiment and of its baseline."""
    return [folder / name for folder in folders for name in ("metrics.json", "baseline.json")]


def comparison_table(files: Sequence[Path]) -> pd.DataFrame:
    """One row per level of every experiment and of every baseline."""
    rows = [
        {fact: evaluation[fact] for fact in FACTS} | {"level": level} | metrics
        for evaluation in map(read_json, files)
        for level, metrics in evaluation["levels"].items()
    ]
    return pd.DataFrame(rows)[[*FACTS, "level", *METRICS]]
