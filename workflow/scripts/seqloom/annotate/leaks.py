"""The audit of a baked set: how much of what is held out is also in training."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sourmash import MinHash

from seqloom.annotate.examples import Place, read_dna
from seqloom.annotate.window_plan import TRAIN
from seqloom.seqs.contigs import counted

log = logging.getLogger(__name__)

KMER = 21
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


def hashes_of(
    sequences: Iterable[tuple[str, str]], groups: Sequence[str], bases: int
) -> pd.DataFrame:
    """Sampled canonical 21-mers of each group, by sequences with their groups of about `bases`."""
    scaled = max(MIN_SCALED, bases // MAX_HASHES)
    sketches = {group: MinHash(n=0, ksize=KMER, scaled=scaled) for group in groups}
    for group, sequence in sequences:
        # force=True skips k-mers with N
        sketches[group].add_sequence(sequence, force=True)
    hashes = [np.fromiter(sketch.hashes, np.uint64) for sketch in sketches.values()]
    owners = np.repeat(np.arange(len(hashes)), [len(h) for h in hashes])
    return pd.DataFrame(
        {
            "hash": np.concatenate(hashes),
            "group": pd.Categorical.from_codes(owners, list(sketches)),
        }
    )


def closest_groups(
    split: pd.DataFrame, hashes: pd.DataFrame, part: str
) -> tuple[dict[str, Any], int]:
    """The pair of a group of train and one of `part` that is closest, and how many are too close.

    Of `split` this needs the part of each group.
    """
    too_close = 0
    names, codes = hashes["group"].cat.categories, hashes["group"].cat.codes.to_numpy()
    part_of = split.drop_duplicates("group").set_index("group")["part"].reindex(names).to_numpy()
    train, other = (hashes[part_of[codes] == wanted] for wanted in ("train", part))
    train = train.sort_values("hash", kind="stable")
    known, owners = train["hash"].to_numpy(), train["group"].cat.codes.to_numpy()
    row = {"part": f"train|{part}", "containment": 0.0, "train_group": None, "other_group": None}
    # Group by group, because all pairs of many related groups would not fit into memory.
    for group, own in other.groupby("group", observed=True)["hash"]:
        first, last = (np.searchsorted(known, own, side) for side in ("left", "right"))
        lengths = last - first
        places = np.repeat(last - np.cumsum(lengths), lengths) + np.arange(lengths.sum())
        shared = np.bincount(owners[places], minlength=1)
        containment = shared.max() / len(own)
        too_close += containment > TOO_CLOSE
        if containment > row["containment"]:
            pair = {"train_group": names[shared.argmax()], "other_group": group}
            row = row | pair | {"containment": containment}
    return row, too_close
