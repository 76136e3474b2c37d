"""What a baked species holds: the table of its windows, and sums of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from seqloom.annotate.window_plan import Window

SUMS = ("windows", "empty", "genes", "cut", "bases", "tokens")


def windows_table(windows: Sequence[Window], tokens: Mapping[Window, int]) -> pd.DataFrame:
    """A row for each window in the order of the genome; those left out have no tokens."""
    return pd.DataFrame(
        {
            "contig": [window.contig for window in windows],
            "start": [window.start for window in windows],
            "end": [window.end for window in windows],
            "part": [window.part for window in windows],
            "genes": [window.genes for window in windows],
            "cut": [window.cut for window in windows],
            "tokens": pd.array([tokens.get(window) for window in windows], "Int64"),
            "left_out": [window.reason for window in windows],
        }
    )


def sums_by_part(table: pd.DataFrame) -> dict[str, dict[str, int]]:
    """What the baked windows of each part hold."""
    kept = table[table["left_out"] == ""]
    kept = kept.assign(windows=1, empty=kept["genes"] == 0, bases=kept["end"] - kept["start"])
    sums = kept.groupby("part")[list(SUMS)].sum()
    return {part: {key: int(row[key]) for key in SUMS} for part, row in sums.iterrows()}


def left_out_by_part(table: pd.DataFrame) -> dict[str, dict[str, int]]:
    """The numbers of windows that are left out, by part and reason."""
    left_out = table[table["left_out"] != ""]
    return {
        part: dict(sorted(Counter(rows["left_out"]).items()))
        for part, rows in left_out.groupby("part")
    }


def added(stats: Sequence[Mapping[str, Any]], key: str) -> dict[str, Any]:
    """The numbers below a key of all species, added; some are by part."""
    total: dict[str, Any] = {}
    for entry in stats:
        _add(total, entry[key])
    return total


def _add(total: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, Mapping):
            _add(total.setdefault(name, {}), value)
        else:
            total[name] = total.get(name, 0) + value
