"""The audit of a baked set: how much of what is held out is also in training."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sourmash import MinHash

from seqloom.annotate.examples import Place, read_dna
from seqloom.annotate.window_plan import TRAIN
from seqloom.learn.kmers import DNA, LETTERS, shared_words
from seqloom.seqs.contigs import counted

log = logging.getLogger(__name__)

# One k-mer in MIN_SCALED is kept, or fewer if that gives more than MAX_HASHES of them.
MIN_SCALED = 10
MAX_HASHES = 10_000_000
# Windows that share more 21-mers than this with training are the same genome to a model.
TOO_CLOSE = 0.9
COLUMNS = ["part", "windows", "too_close", "containment", "train", "held_out", "note"]


def leaks_table(shards: Sequence[Path], bases: int) -> pd.DataFrame:
    """A row for each part that is held out: its window closest to a contig of training.

    `bases` are those of all shards. Containment is the share of a window's 21-mers that one contig
    of training has too.
    """
    parts = {_unit(place): place.part for path in shards for place, _ in read_dna(path)}
    held_out = sorted(set(parts.values()) - {TRAIN}, reverse=True)
    if not held_out:
        return pd.DataFrame(columns=COLUMNS)
    hashes = hashes_of(_sequences(shards), sorted(parts), bases)
    rows = [_row(hashes, parts, part) for part in held_out]
    return pd.DataFrame(rows, columns=COLUMNS)


def _sequences(shards: Sequence[Path]) -> Iterator[tuple[str, str]]:
    for path in shards:
        for place, letters in read_dna(path):
            yield _unit(place), letters


def _unit(place: Place) -> str:
    """What is compared: windows of what is held out with contigs of training."""
    contig = f"{place.sample}/{place.contig}"
    return contig if place.part == TRAIN else f"{contig}:{place.start + 1}-{place.end}"


def _row(hashes: Mapping[str, np.ndarray], parts: Mapping[str, str], part: str) -> dict[str, Any]:
    held, train = (
        [(unit, own) for unit, own in hashes.items() if parts[unit] == wanted]
        for wanted in (part, TRAIN)
    )
    windows, _ = shared_words(held, train)
    containment = windows["with_closest"] / windows["words"]
    too_close = int((containment > TOO_CLOSE).sum())
    row = {"part": part, "windows": len(held), "too_close": too_close}
    row |= {"containment": 0.0, "train": None, "held_out": None}
    if containment.max() > 0:
        closest = windows.loc[containment.idxmax()]
        row |= {"containment": containment.max(), "train": closest["closest"]}
        row["held_out"] = closest["contig"]
    if too_close:
        row["note"] = (
            f"more than {100 * TOO_CLOSE:.0f} % of the 21-mers of {counted(too_close, 'window')} of"
            f" {part} are also in a contig of training (the closest: {row['held_out']} and "
            f"{row['train']}), so the scores on {part} are too good; hold out both genomes, or "
            "give related contigs one group in the groups files of the sample sheet"
        )
        log.warning("%s", row["note"])
    return row


def hashes_of(
    sequences: Iterable[tuple[str, str]], units: Sequence[str], bases: int
) -> dict[str, np.ndarray]:
    """Sampled canonical 21-mers of each unit, by sequences with their units of about `bases`."""
    scaled = max(MIN_SCALED, bases // MAX_HASHES)
    sketches = {unit: MinHash(n=0, ksize=LETTERS[DNA], scaled=scaled) for unit in units}
    for unit, sequence in sequences:
        # force=True skips k-mers with N
        sketches[unit].add_sequence(sequence, force=True)
    return {unit: np.fromiter(sketch.hashes, np.uint64) for unit, sketch in sketches.items()}
