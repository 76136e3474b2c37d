"""Viral regions on the page: a table, and tracks of the windows along some of their contigs."""

import csv
import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from seqloom.files.tables import matching_rows, open_tsv

SHOWN, TRACKS = 20, 4
WIDTH, HALF = 1000, 40  # of a track, and of its bars at probabilities of 0 and 1
MOST_BARS = 500  # more windows are averaged

Row = dict[str, str]


@dataclass(frozen=True)
class Track:
    """A contig drawn in units of WIDTH: bars up for viral windows, down for host ones."""

    contig: str
    length: int
    viral: str
    host: str
    bar: float  # their width
    regions: list[tuple[float, float]]  # x and width


def first_regions(path: Path) -> list[Row]:
    """The longest regions of a table of any length, those that are whole contigs last."""
    with open_tsv(path, "region") as file:
        return heapq.nsmallest(
            SHOWN,
            csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE),
            key=lambda row: (row["edge"] == "both", -int(row["length"])),
        )


def tracks(windows: Path, regions: Sequence[Row]) -> list[Track]:
    """Tracks of the first contigs of these regions, but not of those that are a whole contig."""
    contigs = list(dict.fromkeys(row["contig"] for row in regions if row["edge"] != "both"))
    shown = {name: [row for row in regions if row["contig"] == name] for name in contigs[:TRACKS]}
    if not shown:
        return []
    columns = ["contig", "start", "end", "probability"]
    table = matching_rows(windows, columns, "contig", list(shown)).to_pandas().dropna()
    return [_track(name, table[table["contig"] == name], shown[name]) for name in shown]


def _track(contig: str, windows: pd.DataFrame, regions: Sequence[Row]) -> Track:
    length = sum(int(regions[0][name]) for name in ("left_flank", "length", "right_flank"))
    scale = WIDTH / length
    middle = (windows["start"] + windows["end"]).to_numpy() * scale / 2
    heights = windows["probability"].to_numpy() - 0.5
    place = np.minimum(middle * MOST_BARS / WIDTH, MOST_BARS - 1).astype(int)
    size = (windows["end"] - windows["start"]).mean() * scale
    number = np.bincount(place)
    used = np.flatnonzero(number)
    x, height = (np.bincount(place, values)[used] / number[used] for values in (middle, heights))
    bars = [f"M{a:.1f} {HALF}v{-2 * HALF * b:.1f}" for a, b in zip(x, height, strict=True)]
    return Track(
        contig,
        length,
        viral="".join(bar for bar, b in zip(bars, height, strict=True) if b > 0),
        host="".join(bar for bar, b in zip(bars, height, strict=True) if b <= 0),
        bar=max(0.8 * size, WIDTH / MOST_BARS),
        regions=[(int(r["start"]) * scale, int(r["length"]) * scale) for r in regions],
    )
