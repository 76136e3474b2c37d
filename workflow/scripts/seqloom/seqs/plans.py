"""What the windows of a sample will be, which of them are read, and which a shard holds."""

from hashlib import blake2b

import numpy as np
import pandas as pd
import pyarrow as pa
from pyfaidx import Faidx

from seqloom.progress import Progress
from seqloom.seqs.frames import read_frames
from seqloom.seqs.windows import Cut, Wanted, count_windows, read_windows
from seqloom.sharding import parse_shard

SCHEMA = pa.schema(
    {
        "contig": pa.string(),
        "length": pa.int64(),
        "windows": pa.int64(),
        "frames": pa.int64(),
        "kept_windows": pa.int64(),
        "kept_frames": pa.int64(),
        "threshold": pa.uint64(),
    }
)
_ALL = np.uint64(2**64 - 1)


def frame_plan(
    contigs: pd.DataFrame,
    genome: Faidx,
    cut: Cut,
    genetic_code: int,
    seed: int,
    max_frames: int | None,
) -> pa.Table:
    """The plan of a DNA sample; at most `max_frames` frames, fairly shared among its contigs."""
    names, lengths = contigs["contig"].tolist(), contigs["length"].to_numpy()
    windows = np.where(contigs["status"] == "ok", count_windows(lengths, cut.window), 0)
    wanted = [(i, np.arange(n)) for i, n in enumerate(windows) if n]
    counts = [np.zeros(0, np.int64)]
    with Progress("count frames", int(windows.sum()), "windows") as progress:
        for batch in read_windows(genome, list(zip(names, lengths, strict=True)), wanted, cut):
            counts.append(read_frames(batch, cut, genetic_code).kept.sum(axis=1))
            progress.advance(len(counts[-1]))
    frames = np.concatenate(counts)
    contig = np.repeat(np.arange(len(names)), windows)

    threshold = np.full(len(names), _ALL)
    kept = np.ones(len(frames), bool)
    if max_frames is not None and frames.sum() > max_frames:
        hashes = np.concatenate([window_hashes(seed, names[i], numbers) for i, numbers in wanted])
        threshold = fair_thresholds(contig, frames, hashes, len(names), max_frames)
        kept = hashes <= threshold[contig]
    return _table(contigs, contig, frames, kept, threshold)


def whole_plan(contigs: pd.DataFrame) -> pa.Table:
    """The plan of a protein sample: every protein is one window with one frame."""
    contig = np.flatnonzero(contigs["status"] == "ok")
    one = np.ones(len(contig), np.int64)
    return _table(contigs, contig, one, one > 0, np.full(len(contigs), _ALL))


def _table(
    contigs: pd.DataFrame,
    contig: np.ndarray,
    frames: np.ndarray,
    kept: np.ndarray,
    threshold: np.ndarray,
) -> pa.Table:
    """Sum up windows, given the contig, the number of frames and the fate of each."""

    def per_contig(values: np.ndarray) -> np.ndarray:
        return np.bincount(contig, values, len(contigs)).astype(np.int64)

    columns = {
        "contig": contigs["contig"].tolist(),
        "length": contigs["length"].to_numpy(),
        "windows": per_contig(np.ones(len(contig))),
        "frames": per_contig(frames),
        "kept_windows": per_contig(kept),
        "kept_frames": per_contig(frames * kept),
        "threshold": threshold,
    }
    return pa.table(columns, schema=SCHEMA)


def window_hashes(seed: int, contig: str, numbers: np.ndarray) -> np.ndarray:
    """A random but fixed number per window (splitmix64), never the same twice in a contig."""
    key = blake2b(f"{seed} {contig}".encode(), digest_size=8).digest()
    z = np.frombuffer(key, "<u8") + numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def fair_thresholds(
    contig: np.ndarray, frames: np.ndarray, hashes: np.ndarray, contigs: int, max_frames: int
) -> np.ndarray:
    """The highest hash each contig keeps when all are filled evenly up to `max_frames` together.

    Every contig offers its windows in the order of their hashes; the next one taken is always that
    of the contig with the fewest frames so far. 0 keeps nothing.
    """
    offered = np.lexsort((hashes, contig))
    contig, frames, hashes = contig[offered], frames[offered], hashes[offered]
    so_far = np.cumsum(frames) - frames
    _, first = np.unique(contig, return_index=True)
    so_far -= np.repeat(so_far[first], np.diff(first, append=len(contig)))
    taken = np.lexsort((hashes, so_far))
    taken = taken[np.cumsum(frames[taken]) <= max_frames]
    threshold = np.zeros(contigs, np.uint64)
    np.maximum.at(threshold, contig[taken], hashes[taken])
    return threshold


def shard_windows(plan: pd.DataFrame, shard: str, seed: int = 0) -> Wanted:
    """The windows of a shard such as `0003-of-0016`: its even share of the kept ones, in order."""
    index, count = parse_shard(shard)
    names, windows, threshold = (plan[c].to_numpy() for c in ("contig", "windows", "threshold"))
    size = plan["kept_windows"].to_numpy()
    ends = np.cumsum(size)
    begins, total = ends - size, size.sum()
    first, last = (index - 1) * total // count, index * total // count
    for i in np.flatnonzero(np.maximum(begins, first) < np.minimum(ends, last)):
        numbers = np.arange(windows[i])
        kept = numbers[window_hashes(seed, names[i], numbers) <= threshold[i]]
        yield int(i), kept[max(first - begins[i], 0) : last - begins[i]]
