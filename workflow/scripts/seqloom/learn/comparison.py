"""Experiments and their baselines side by side."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from seqloom.files import read_json

FACTS = ["experiment", "model", "fusion", "cut", "columns"]
METRICS = ["n", "auroc", "average_precision", "f1", "mcc", "accuracy", "brier", "ece"]


def comparison_table(folders: Sequence[Path]) -> pd.DataFrame:
    """One row per level of every experiment and of every baseline."""
    files = [folder / name for folder in folders for name in ("metrics.json", "baseline.json")]
    rows = [
        {fact: evaluation[fact] for fact in FACTS} | {"level": level} | metrics
        for evaluation in map(read_json, files)
        for level, metrics in evaluation["levels"].items()
    ]
    return pd.DataFrame(rows)[[*FACTS, "level", *METRICS]]
