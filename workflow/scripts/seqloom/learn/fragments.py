"""Fragments of contigs, of every length, on which the calibration of contigs is fitted."""

import numpy as np
import pandas as pd

from seqloom.learn.metrics import CONTIG
from seqloom.learn.scores import new_after, window_scores

LENGTHS = (1, 2, 3, 5, 10, 30, 100)  # in scored windows
WHOLE = 0  # the length of whole contigs in the table
MOST = 3  # fragments of a length from a contig


def labeled_windows(frames: pd.DataFrame) -> pd.DataFrame:
    """The windows of labeled frames, with label and group.

    `frames` has sample, contig, window, start, end, label, group, logit.
    """
    return window_scores(frames, CONTIG).merge(_facts(frames), on=CONTIG)


def labeled_fragments(windows: pd.DataFrame) -> pd.DataFrame:
    """The fragments of the contigs of `labeled_windows`, with label and group."""
    return fragments(windows).merge(_facts(windows), on=CONTIG)


def _facts(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop_duplicates(CONTIG)[[*CONTIG, "label", "group"]]


def fragments(windows: pd.DataFrame) -> pd.DataFrame:
    """Up to MOST fragments of each length from each contig, and the contig itself.

    `windows` are those of `window_scores`. Columns: sample, contig, length, independent, logit,
    and share: fragments of one length share the contig.
    """
    contigs = windows.groupby(CONTIG, sort=False)
    first = np.flatnonzero(contigs.cumcount() == 0)
    sizes = np.diff(np.append(first, len(windows)))
    logit, new = windows["logit"].to_numpy(), windows["new"].to_numpy()
    after = new_after(windows, CONTIG).to_numpy()
    covered = np.append(0, new.cumsum())
    weighted = np.append(0, ((new + after) / 2 * logit).cumsum())
    names = windows.iloc[first][CONTIG].reset_index(drop=True)
    tables = []
    for length in (*LENGTHS, WHOLE):
        contig = np.flatnonzero(sizes >= length)
        taken = np.full(len(contig), length) if length else sizes
        count = np.minimum(MOST, sizes[contig] // taken)
        row = np.repeat(np.arange(len(contig)), count)
        number = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        room = (sizes[contig] - taken)[row]
        begin = first[contig][row] + room * (2 * number + 1) // (2 * count[row])
        end = begin + taken[row]
        # The first window of a fragment overlaps with none before it, and the last with none after.
        independent = covered[end] - covered[begin + 1] + 1
        total = weighted[end] - weighted[begin]
        total += ((1 - new[begin]) * logit[begin] + (1 - after[end - 1]) * logit[end - 1]) / 2
        tables.append(
            names.iloc[contig[row]].assign(
                length=length,
                independent=independent,
                logit=total / independent,
                share=1 / count[row],
            )
        )
    return pd.concat(tables, ignore_index=True)
