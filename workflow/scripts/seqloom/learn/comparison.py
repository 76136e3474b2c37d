"""Experiments side by side."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from seqloom.files.json_files import read_json

FACTS = ["experiment", "fusion", "cut", "columns"]
METRICS = ["n", "auroc", "average_precision", "f1", "mcc", "accuracy", "brier", "ece"]


def comparison_table(folders: Sequence[Path]) -> pd.DataFrame:
    """One row per level of every experiment."""
    rows = [
        {fact: evaluation[fact] for fact in FACTS} | {"level": level} | metrics
        for evaluation in (read_json(folder / "metrics.json") for folder in folders)
        for level, metrics in evaluation["levels"].items()
    ]
    return pd.DataFrame(rows)[[*FACTS, "level", *METRICS]]
