"""What every window of a sample gives, which are read, and which a shard holds."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyfaidx import Faidx

from seqloom.errors import InputError
from seqloom.progress import Progress
from seqloom.seqs.coding import CodingRegions, Translations
from seqloom.seqs.frames import NO_FRAME, Frames, read_frames, sequences, window_status
from seqloom.seqs.hashing import mixed, text_key
from seqloom.seqs.windows import Batch, Cut, Layout, has_unclear_base, read_windows
from seqloom.sharding import parse_shard
from seqloom.tables import read_table_metadata

# One byte a window: a bit for each of its frames that is used, and one if it is read at all.
SCHEMA = pa.schema({"bits": pa.uint8()})
_BITS = np.uint8(1) << np.arange(6, dtype=np.uint8)
_READ = np.uint8(1 << 6)
_FRAMES = np.array([(bits & 0x3F).bit_count() for bits in range(256)], np.uint8)

# Which of the kept frames of a batch may train.
Filter = Callable[[Batch, Frames], np.ndarray]


def frame_plan(
    genome: Faidx, layout: Layout, cut: Cut, genetic_code: int, coding: Filter | None = None
) -> tuple[np.ndarray, pd.DataFrame]:
    """The bits of all windows, and how many of each contig have no frame, by reason."""
    bits = np.full(len(layout), _READ, np.uint8)
    lost = {status: np.zeros(len(layout.names), np.int64) for status in NO_FRAME}
    with Progress("count frames", len(layout), "windows") as progress:
        for batch in read_windows(genome, layout, cut, range(len(layout))):
            frames = read_frames(batch, cut, genetic_code)
            kept = coding(batch, frames) if coding else frames.kept
            bits[batch.window] |= kept @ _BITS
            status = window_status(frames, kept)
            for name, counts in lost.items():
                np.add.at(counts, batch.contig[status == name], 1)
            progress.advance(len(batch.window))
    return bits, pd.DataFrame(lost)


def training_filter(cut: Cut, genetic_code: int, annotation: pa.Table, names: list[str]) -> Filter:
    """Keep the frames that lie in a coding sequence: by coordinates, or as VirNucPro by letters."""
    if cut.training == "coding":
        regions = CodingRegions(annotation, names)
    else:
        translations = Translations(annotation, names)

    def coding_frames(batch: Batch, frames: Frames) -> np.ndarray:
        kept = frames.kept
        if cut.training == "virnucpro":
            kept = kept & ~has_unclear_base(batch)[:, None]
        window, frame = np.nonzero(kept)
        contig = batch.contig[window]
        if cut.training == "coding":
            shift = (batch.start - batch.offset)[window]
            begin, end = (ends[window, frame] + shift for ends in (frames.begin, frames.end))
            found = regions.contain(contig, begin, end, frame >= 3)
        else:
            pairs = sequences(batch, frames, window, frame, cut, genetic_code)
            found = translations.contain(contig, [protein for _, protein in pairs])
        kept = np.zeros_like(kept)
        kept[window[found], frame[found]] = True
        return kept

    return coding_frames


def protein_plan(contigs: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """The bits of a protein sample: every protein is a window with one frame."""
    unclear = (contigs["status"] == "all_ambiguous").to_numpy()
    bits = _READ | (~unclear).astype(np.uint8)
    return bits[contigs["length"] > 0], pd.DataFrame({"ambiguous": unclear.astype(np.int64)})


def sampled(bits: np.ndarray, layout: Layout, seed: int, max_frames: int) -> np.ndarray:
    """The bits with so many windows unread that at most `max_frames` frames are left."""
    frames = _FRAMES[bits].astype(np.int64)
    if frames.sum() <= max_frames:
        return bits
    contig, number = layout.locate(np.arange(len(bits)))
    keys = np.array([text_key(f"{seed} {name}") for name in layout.names], np.uint64)
    read = fair_choice(contig, frames, mixed(number, keys[contig]), max_frames)
    return np.where(read, bits, bits & ~_READ)


def fair_choice(
    contig: np.ndarray, frames: np.ndarray, hashes: np.ndarray, max_frames: int
) -> np.ndarray:
    """Which windows are read when all contigs are filled evenly up to `max_frames` together.

    Every contig offers its windows in the order of their hashes; the next one taken is always that
    of the contig with the fewest frames so far.
    """
    offered = np.lexsort((hashes, contig))
    contig, frames, hashes = contig[offered], frames[offered], hashes[offered]
    so_far = np.cumsum(frames) - frames
    _, first = np.unique(contig, return_index=True)
    so_far -= np.repeat(so_far[first], np.diff(first, append=len(contig)))
    taken = np.lexsort((hashes, so_far))
    taken = taken[np.cumsum(frames[taken]) <= max_frames]
    read = np.zeros(len(offered), bool)
    read[offered[taken]] = True
    return read


def planned_contigs(
    contigs: pd.DataFrame, layout: Layout, bits: np.ndarray, lost: pd.DataFrame
) -> pd.DataFrame:
    """The table of contigs with what the cut makes of each; those without a frame say why."""
    if contigs["contig"].tolist() != layout.names:
        raise InputError("the table and the genome have other contigs; index the sample again")
    contig, _ = layout.locate(np.arange(len(bits)))

    def per_contig(values: np.ndarray) -> np.ndarray:
        return np.bincount(contig, values, len(contigs)).astype(np.int64)

    frames, read = _FRAMES[bits], bits & _READ > 0
    counts = {
        "windows": layout.counts,
        "frames": per_contig(frames),
        "kept_windows": per_contig(read),
        "kept_frames": per_contig(frames * read),
    }
    table = contigs.drop(columns=["status", "reason", "sha256"]).assign(**counts)
    without = (contigs["status"] == "ok") & (counts["frames"] == 0)
    table["status"] = contigs["status"].mask(without, "no_frame")
    table["reason"] = contigs["reason"]
    table.loc[without, "reason"] = _reasons(lost[without])
    return table.assign(sha256=contigs["sha256"])


def _reasons(lost: pd.DataFrame) -> list[str]:
    return [
        ", ".join(
            f"{NO_FRAME[status]} in {counted(count, 'window')}"
            for status, count in zip(lost.columns, counts, strict=True)
            if count
        )
        for counts in lost.itertuples(index=False, name=None)
    ]


def counted(count: int, unit: str) -> str:
    """`1 window`, `2 windows`."""
    return f"{count} {unit}{'' if count == 1 else 's'}"


def shard_windows(bits: np.ndarray, shard: str) -> np.ndarray:
    """The windows of a shard such as `0003-of-0016`: its even share of those read, in order."""
    index, count = parse_shard(shard)
    read = np.flatnonzero(bits & _READ)
    return read[(index - 1) * len(read) // count : index * len(read) // count]


def read_plan(path: str | Path, layout: Layout) -> tuple[np.ndarray, dict[str, str]]:
    """The bits of all windows, and the metadata of the file."""
    table = pq.read_table(path)
    if len(table) != len(layout):
        raise InputError(f"{path}: is not of this genome and cut; plan the sample again")
    return table["bits"].to_numpy(), read_table_metadata(path)


def genome_digest(plan: dict[str, str]) -> dict[str, dict[str, str]]:
    """The checksum of the genome a plan was made of: a shard need not read all of it again."""
    return {"genome": json.loads(plan["provenance"])["inputs"]["genome"]}


def planned_frames(bits: np.ndarray) -> np.ndarray:
    """The bits of windows as an array [windows, 6]."""
    return (bits[:, None] & _BITS) > 0
