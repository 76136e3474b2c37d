"""Windows of stretches of contigs: cut between genes where that can be, or sliding."""

from collections.abc import Sequence

import numpy as np

from seqloom.seqs.genes import Gene


def windows_between_genes(
    first: int, last: int, genes: Sequence[Gene], limit: int
) -> list[tuple[int, int]]:
    """Windows of at most `limit` bases that cover a stretch once.

    A window ends in the middle of the last gap between genes in its second half; if there is none,
    it has `limit` bases and cuts what lies there.
    """
    gaps = _gaps(first, last, genes)
    windows, start = [], first
    while last - start > limit:
        end = _last_gap(gaps, start + limit // 2, start + limit) or start + limit
        windows.append((start, end))
        start = end
    return [*windows, (start, last)]


def sliding_windows(first: int, last: int, size: int, step: int) -> list[tuple[int, int]]:
    """Windows of a stretch, one every `step` bases; the last one ends with the stretch."""
    starts = range(first, max(last - size + step, first + 1), step)
    return [(start, min(start + size, last)) for start in starts]


def _gaps(first: int, last: int, genes: Sequence[Gene]) -> np.ndarray:
    """[n, 2] where a cut can be between genes, in order: from the first to the second place."""
    spans = sorted((gene.canonical.start, gene.canonical.end) for gene in genes)
    starts, ends = np.array(spans, np.int64).reshape(-1, 2).T
    ends = np.append(first, np.maximum.accumulate(ends))
    starts = np.append(starts, last)
    return np.stack([ends, starts], axis=1)[starts >= ends]


def _last_gap(gaps: np.ndarray, first: int, last: int) -> int | None:
    """The middle of what the last gap has between two places."""
    inside = gaps[(gaps[:, 1] > first) & (gaps[:, 0] <= last)]
    if not len(inside):
        return None
    begin, end = inside[-1]
    return int(max(begin, first + 1) + min(end, last)) // 2
