"""What every window of a sample gives, which are read, and which a shard holds."""

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqloom.config.cut import Cut
from seqloom.config.sharding import parse_shard
from seqloom.errors import InputError
from seqloom.files.progress import Progress
from seqloom.files.tables import read_table, read_table_metadata
from seqloom.seqs.coding import CodingRegions, Translations
from seqloom.seqs.frames import STATUSES, Frames, read_frames, sequences, window_status
from seqloom.seqs.genome import Genome
from seqloom.seqs.hashing import mixed, text_key
from seqloom.seqs.windows import Batch, Layout, has_ambiguous_base, read_windows

log = logging.getLogger(__name__)

# One byte a window: a bit for each frame that is used, or LOST and the number of the status that
# says why there is none; and READ unless the window is left out.
SCHEMA = pa.schema({"window": pa.uint8()})
_BITS = np.uint8(1) << np.arange(6, dtype=np.uint8)
_READ, _LOST = np.uint8(1 << 6), np.uint8(1 << 7)
_COUNTS = np.array([b & 0x80 == 0 and (b & 0x3F).bit_count() for b in range(256)], np.uint8)

# Which of the kept frames of a batch may train.
Filter = Callable[[Batch, Frames], np.ndarray]


def frame_plan(
    genome: Genome, layout: Layout, cut: Cut, genetic_code: int, coding: Filter | None = None
) -> np.ndarray:
    """The plan of a DNA sample, all windows read."""
    plan = np.empty(len(layout), np.uint8)
    with Progress("count frames", len(layout), "windows") as progress:
        for batch in read_windows(genome, layout, cut, range(len(layout))):
            frames = read_frames(batch, cut, genetic_code)
            kept = coding(batch, frames) if coding else frames.kept
            status = window_status(frames, kept)
            plan[batch.window] = _READ | np.where(status, _LOST | status, kept @ _BITS)
            progress.advance(len(batch.window))
    return plan


def protein_plan(layout: Layout, unclear: np.ndarray) -> np.ndarray:
    """The plan of a protein sample: every protein is a window, and has a frame unless unclear."""
    contig, _ = layout.locate(np.arange(len(layout)))
    return _READ | np.where(unclear[contig], _LOST | STATUSES.index("ambiguous"), _BITS[0])


def frame_counts(plan: np.ndarray) -> np.ndarray:
    """How many frames each window has."""
    return _COUNTS[plan]


def is_read(plan: np.ndarray) -> np.ndarray:
    return plan & _READ > 0


def statuses(plan: np.ndarray) -> np.ndarray:
    """The number of each window's status in STATUSES."""
    return np.where(plan & _LOST, plan & 0x3F, 0)


def planned_frames(plan: np.ndarray) -> np.ndarray:
    """Which frames are used, as an array [windows, 6]."""
    return (plan[:, None] & _BITS > 0) & (plan & _LOST == 0)[:, None]


def training_filter(cut: Cut, genetic_code: int, annotation: pa.Table, names: list[str]) -> Filter:
    """Keep the frames that lie in a coding sequence: by coordinates, or as VirNucPro by letters."""
    if cut.training == "coding":
        regions = CodingRegions(annotation, names)
    elif annotation["translation"].null_count == len(annotation):
        raise InputError(
            f'annotation of contig "{annotation["contig"][0]}": VirNucPro\'s filter needs '
            "translations, and this annotation has none; give a GBFF"
        )
    else:
        translations = Translations(annotation, names)
        _warn_of_contigs_without_translation(annotation)

    def coding_frames(batch: Batch, frames: Frames) -> np.ndarray:
        kept = frames.kept
        if cut.training == "virnucpro":
            kept = kept & ~has_ambiguous_base(batch)[:, None]
        window, frame = np.nonzero(kept)
        contig = batch.contig[window]
        if cut.training == "coding":
            shift = (batch.start - batch.offset)[window]
            begin, end = (ends[window, frame] + shift for ends in (frames.begin, frames.end))
            found = regions.contain(contig, begin, end, frame >= 3)
        else:
            _, proteins = sequences(batch, frames, window, frame, cut, genetic_code)
            found = translations.contain(contig, proteins)
        kept = np.zeros_like(kept)
        kept[window[found], frame[found]] = True
        return kept

    return coding_frames


def _warn_of_contigs_without_translation(annotation: pa.Table) -> None:
    counts = annotation.group_by("contig").aggregate([("translation", "count")])
    without = counts.filter(pc.equal(counts["translation_count"], 0))["contig"].to_pylist()
    if without:
        log.warning(
            "%d contigs have CDS, but none with a translation, so no frame of theirs is used; "
            "the first: %s",
            len(without),
            without[0],
        )


def sampled(plan: np.ndarray, layout: Layout, seed: int, max_frames: int) -> np.ndarray:
    """The plan with so many windows left out that at most `max_frames` frames are left.

    Nothing is to be read in windows without a frame: they are left out as well.
    """
    frames = frame_counts(plan).astype(np.int64)
    if frames.sum() <= max_frames:
        return plan
    contig, number = layout.locate(np.arange(len(plan)))
    keys = np.array([text_key(f"{seed} {name}") for name in layout.names], np.uint64)
    read = fair_choice(contig, frames, mixed(number, keys[contig]), max_frames)
    return np.where(read, plan, plan & ~_READ)


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
    taken = taken[(np.cumsum(frames[taken]) <= max_frames) & (frames[taken] > 0)]
    read = np.zeros(len(offered), bool)
    read[offered[taken]] = True
    return read


def shard_windows(plan: np.ndarray, shard: str) -> np.ndarray:
    """The windows of a shard such as `0003-of-0016`: its even share of those read, in order."""
    index, count = parse_shard(shard)
    read = np.flatnonzero(is_read(plan))
    return read[(index - 1) * len(read) // count : index * len(read) // count]


def read_plan(path: str | Path, layout: Layout) -> tuple[np.ndarray, dict[str, str]]:
    """A plan, and the metadata of its file."""
    table = read_table(path)
    if len(table) != len(layout):
        raise InputError(f"{path}: is not of this genome and cut; plan the sample again")
    return table["window"].to_numpy(), read_table_metadata(path)


def check_plan(path: str | Path, metadata: dict[str, str], settings: Mapping[str, Any]) -> None:
    """An error that names the first setting a plan was not made with."""
    made = json.loads(metadata["provenance"])["settings"]
    for key, value in settings.items():
        if made.get(key) != value:
            raise InputError(
                f"{path}: made with {key} {made.get(key)}, not {value}; give the same cut to both"
            )


def genome_digest(metadata: dict[str, str]) -> dict[str, dict[str, str]]:
    """The checksum of the genome a plan was made of: a shard need not read all of it again."""
    return {"genome": json.loads(metadata["provenance"])["inputs"]["genome"]}
