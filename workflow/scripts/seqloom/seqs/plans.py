"""The plan of a sample: the used frames of each window, and the windows of each shard."""

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

# A window is one byte: a bit for each used frame, or _LOST and the number of the status that says
# why there is no frame; and _READ if the window is read.
SCHEMA = pa.schema({"window": pa.uint8()})
_BITS = np.uint8(1) << np.arange(6, dtype=np.uint8)
_READ, _LOST = np.uint8(1 << 6), np.uint8(1 << 7)
_COUNTS = np.array([b & 0x80 == 0 and (b & 0x3F).bit_count() for b in range(256)], np.uint8)

# A function that says which of the kept frames of a batch are used for training.
Filter = Callable[[Batch, Frames], np.ndarray]


def frame_plan(
    genome: Genome, layout: Layout, cut: Cut, genetic_code: int, coding: Filter | None = None
) -> np.ndarray:
    """The plan of a DNA sample in which all windows are read."""
    plan = np.empty(len(layout), np.uint8)
    with Progress("count frames", len(layout), "windows") as progress:
        for batch in read_windows(genome, layout, cut, range(len(layout))):
            frames = read_frames(batch, cut, genetic_code)
            kept = coding(batch, frames) if coding else frames.kept
            status = window_status(frames, kept)
            plan[batch.window] = _READ | np.where(status, _LOST | status, kept @ _BITS)
            progress.advance(len(batch.window))
    return plan


def protein_plan(layout: Layout, ambiguous: np.ndarray) -> np.ndarray:
    """The plan of a protein sample: each protein is one window with one frame.

    The proteins marked in `ambiguous` have no frame.
    """
    contig, _ = layout.locate(np.arange(len(layout)))
    return _READ | np.where(ambiguous[contig], _LOST | STATUSES.index("ambiguous"), _BITS[0])


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
    """A filter for coding frames: by coordinates, or like VirNucPro by translations."""
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
    """The plan with fewer windows read, so that at most `max_frames` frames remain.

    Windows without a frame are not read either.
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
    """Which windows are read if `max_frames` are divided evenly among the contigs.

    The windows of a contig are taken in the order of their hashes; the next window is always one
    of the contig with the fewest frames so far.
    """
    order = np.lexsort((hashes, contig))
    contig, frames, hashes = contig[order], frames[order], hashes[order]
    so_far = np.cumsum(frames) - frames
    _, first = np.unique(contig, return_index=True)
    so_far -= np.repeat(so_far[first], np.diff(first, append=len(contig)))
    taken = np.lexsort((hashes, so_far))
    taken = taken[(np.cumsum(frames[taken]) <= max_frames) & (frames[taken] > 0)]
    read = np.zeros(len(order), bool)
    read[order[taken]] = True
    return read


def shard_windows(plan: np.ndarray, shard: str) -> np.ndarray:
    """The windows of a shard such as `0003-of-0016`: an equal part of the windows that are read."""
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
    """Raise an error if a plan has other settings; it names the first that differs."""
    own = json.loads(metadata["provenance"])["settings"]
    for key, value in settings.items():
        if own.get(key) != value:
            raise InputError(
                f"{path}: made with {key} {own.get(key)}, not {value}; give the same cut to both"
            )


def genome_digest(metadata: dict[str, str]) -> dict[str, dict[str, str]]:
    """The checksum of a plan's genome, so that a shard need not read the whole genome for it."""
    return {"genome": json.loads(metadata["provenance"])["inputs"]["genome"]}
