"""The audit of a baked set: how much of what is held out is also in training."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from seqloom.annotate.examples import Place, read_dna
from seqloom.annotate.window_plan import TRAIN
from seqloom.learn.audit import TOO_CLOSE, closest_groups, hashes_of
from seqloom.seqs.contigs import counted

log = logging.getLogger(__name__)

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
    units = sorted(parts)
    hashes = hashes_of(_sequences(shards), units, bases)
    split = pd.DataFrame({"group": units, "part": [parts[unit] for unit in units]})
    rows = [_row(split, hashes, part) for part in held_out]
    return pd.DataFrame(rows, columns=COLUMNS)


def _sequences(shards: Sequence[Path]) -> Iterator[tuple[str, str]]:
    for path in shards:
        for place, letters in read_dna(path):
            yield _unit(place), letters


def _unit(place: Place) -> str:
    """What is compared: windows of what is held out with contigs of training."""
    contig = f"{place.sample}/{place.contig}"
    return contig if place.part == TRAIN else f"{contig}:{place.start + 1}-{place.end}"


def _row(split: pd.DataFrame, hashes: pd.DataFrame, part: str) -> dict[str, Any]:
    pair, too_close = closest_groups(split, hashes, part)
    row = {
        "part": part,
        "windows": int((split["part"] == part).sum()),
        "too_close": too_close,
        "containment": pair["containment"],
        "train": pair["train_group"],
        "held_out": pair["other_group"],
    }
    if too_close:
        row["note"] = (
            f"more than {100 * TOO_CLOSE:.0f} % of the 21-mers of {counted(too_close, 'window')} of"
            f" {part} are also in a contig of training (the closest: {row['held_out']} and "
            f"{row['train']}), so the scores on {part} are too good; hold out both genomes, or "
            "give related contigs one group in the groups files of the sample sheet"
        )
        log.warning("%s", row["note"])
    return row
