"""What a baked species holds: the table of its windows, and sums of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from seqloom.annotate.window_plan import Window

COLUMNS = ("contig", "start", "end", "part", "genes", "cut", "tokens", "left_out")


def windows_table(windows: Sequence[Window], tokens: Mapping[Window, int]) -> pa.Table:
    """A row for each window in the order of the genome; those left out have no tokens."""
    rows = [
        (w.contig, w.start, w.end, w.part, w.genes, w.cut, tokens.get(w, ""), w.reason)
        for w in windows
    ]
    columns = zip(*rows, strict=True) if rows else [()] * len(COLUMNS)
    texts = [pa.array(map(str, column), pa.string()) for column in columns]
    return pa.table(texts, list(COLUMNS))


def sums_by_part(tokens: Mapping[Window, int]) -> dict[str, dict[str, int]]:
    """What the baked windows of each part hold, by the tokens of each."""
    sums: dict[str, Counter[str]] = {}
    for window, count in tokens.items():
        sums.setdefault(window.part, Counter()).update(
            windows=1,
            empty=not window.genes,
            genes=window.genes,
            cut=window.cut,
            bases=window.end - window.start,
            tokens=count,
        )
    return {part: dict(sums[part]) for part in sorted(sums)}


def left_out_by_part(windows: Sequence[Window]) -> dict[str, dict[str, int]]:
    """The numbers of windows that are left out, by part and reason."""
    counts: dict[str, Counter[str]] = {}
    for window in windows:
        if window.reason:
            counts.setdefault(window.part, Counter())[window.reason] += 1
    return {part: dict(sorted(counts[part].items())) for part in sorted(counts)}


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
