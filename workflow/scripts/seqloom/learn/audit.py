"""The audit of a split: what each part contains, and how related the parts are."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sourmash import MinHash

from seqloom.learn.split import PARTS
from seqloom.seqs.contigs import counted
from seqloom.seqs.genome import read_sequences

log = logging.getLogger(__name__)

KMER = 21
# One k-mer in MIN_SCALED is kept, or fewer if that gives more than MAX_HASHES of them.
MIN_SCALED = 10
MAX_HASHES = 10_000_000
BASES_PER_BYTE = 4  # of a stored genome
COLUMNS = ["part", "category", "contigs", "groups", "frames", "take", "share", "containment"]
COLUMNS += ["train_group", "other_group", "note"]
# Groups that share more 21-mers than this are the same genome to a classifier.
TOO_CLOSE = 0.9


def audit_table(
    split: pd.DataFrame, samples: Sequence[str], genomes: Sequence[Path], equality: dict[str, Any]
) -> pd.DataFrame:
    """One row per part and category, one for equal sequences, and the closest pairs of groups."""
    hashes = group_hashes(split, samples, genomes)
    pairs = [closest_pair(split, hashes, part) for part in ("test", "validation")]
    table = pd.concat([_counts(split), pd.DataFrame([equality, *pairs])], ignore_index=True)
    table = table.reindex(columns=COLUMNS)
    # Pairs have no counts, and numpy integers cannot be missing.
    return table.astype(dict.fromkeys(["contigs", "groups", "frames", "take"], "Int64"))


def _counts(split: pd.DataFrame) -> pd.DataFrame:
    counts = split.groupby(["part", "category"]).agg(
        contigs=("contig", "size"),
        groups=("group", "nunique"),
        frames=("frames", "sum"),
        take=("take", "sum"),
    )
    counts["share"] = counts["frames"] / split.groupby("category")["frames"].sum()
    return counts.reindex(PARTS, level="part").reset_index()


def group_hashes(
    split: pd.DataFrame, samples: Sequence[str], genomes: Sequence[Path]
) -> pd.DataFrame:
    """Sampled canonical 21-mers of each group that is in a part: columns hash, group."""
    used = split[split["part"].notna()]
    groups = dict(zip(zip(used["sample"], used["contig"], strict=True), used["group"], strict=True))
    sequences = (
        (groups[sample, contig], sequence)
        for sample, genome in zip(samples, genomes, strict=True)
        for contig, sequence in read_sequences(genome)
        if (sample, contig) in groups
    )
    bases = BASES_PER_BYTE * sum(genome.stat().st_size for genome in genomes)
    return hashes_of(sequences, sorted(set(groups.values())), bases)


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


def closest_pair(split: pd.DataFrame, hashes: pd.DataFrame, part: str) -> dict[str, Any]:
    """The highest containment of a group of `part` in a group of train, with both names."""
    row, too_close = closest_groups(split, hashes, part)
    if too_close:
        row["note"] = (
            f"more than {100 * TOO_CLOSE:.0f} % of the 21-mers of {counted(too_close, 'group')} of "
            f"{part} are also in a group of train (the closest: {row['other_group']} and "
            f"{row['train_group']}), so the scores on {part} are too good; give related contigs "
            "one group in the groups files of the sample sheet"
        )
        log.warning("%s", row["note"])
    return row


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
