"""Windows of contigs for annotation: cut between genes where that can be, or sliding."""

from collections.abc import Sequence

import numpy as np

from seqloom.seqs.genes import Gene


def windows_between_genes(length: int, genes: Sequence[Gene], limit: int) -> list[tuple[int, int]]:
    """Windows of at most `limit` bases that cover a contig once.

    A window ends in the middle of the last stretch without genes in its second half; if there is
    none, it has `limit` bases and cuts what lies there.
    """
    gaps = _gaps(length, genes)
    windows, start = [], 0
    while length - start > limit:
        end = _last_gap(gaps, start + limit // 2, start + limit) or start + limit
        windows.append((start, end))
        start = end
    return [*windows, (start, length)]


def sliding_windows(length: int, size: int, step: int) -> list[tuple[int, int]]:
    """Overlapping windows; the last one ends with the contig."""
    starts = range(0, max(length - size + step, 1), step)
    return [(start, min(start + size, length)) for start in starts]


def _gaps(length: int, genes: Sequence[Gene]) -> np.ndarray:
    """[n, 2] the stretches without genes, in order: where a cut can be, first and last place."""
    spans = np.array([(gene.canonical.start, gene.canonical.end) for gene in genes], np.int64)
    spans = spans.reshape(-1, 2)[np.argsort(spans.reshape(-1, 2)[:, 0])]
    ends = np.append(0, np.maximum.accumulate(spans[:, 1]))
    starts = np.append(spans[:, 0], length)
    return np.stack([ends, starts], axis=1)[starts >= ends]


def _last_gap(gaps: np.ndarray, first: int, last: int) -> int | None:
    """The middle of what the last gap has between two places."""
    inside = gaps[(gaps[:, 1] > first) & (gaps[:, 0] <= last)]
    if not len(inside):
        return None
    begin, end = inside[-1]
    return int(max(begin, first + 1) + min(end, last)) // 2
