"""How related the parts of a split are, and what each of them holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dnaio
import numpy as np
import pandas as pd
from sourmash import MinHash

from seqloom.learn.split import PARTS

KMER = 21
# Every tenth k-mer, or fewer so that about this many are kept; a genome file has 4 bases per byte.
LEAST_SCALED = 10
MOST_HASHES = 10_000_000
BASES_PER_BYTE = 4
COLUMNS = ["part", "category", "contigs", "groups", "frames", "take", "share", "containment"]


def audit_table(
    split: pd.DataFrame, samples: Sequence[str], genomes: Sequence[Path]
) -> pd.DataFrame:
    """One row per part and category, then the closest groups of train and each other part."""
    hashes = group_hashes(split, samples, genomes)
    pairs = [closest_pair(split, hashes, part) for part in ("test", "validation")]
    table = pd.concat([_counts(split), pd.DataFrame(pairs)], ignore_index=True)[COLUMNS]
    # The pairs have no counts; plain integers would become floats.
    return table.astype(dict.fromkeys(["contigs", "frames", "take"], "Int64"))


def _counts(split: pd.DataFrame) -> pd.DataFrame:
    counts = split.groupby(["part", "category"]).agg(
        contigs=("contig", "size"),
        groups=("group", "nunique"),
        frames=("frames", "sum"),
        take=("take", "sum"),
    )
    counts["share"] = counts["frames"] / split.groupby("category")["frames"].sum()
    return counts.reindex(PARTS, level="part").astype({"groups": object}).reset_index()


def group_hashes(
    split: pd.DataFrame, samples: Sequence[str], genomes: Sequence[Path]
) -> pd.DataFrame:
    """Sampled 21-mers (of either strand) of each group that is in a part: columns hash, group."""
    used = split[split["part"].notna()]
    groups = dict(zip(zip(used["sample"], used["contig"], strict=True), used["group"], strict=True))
    scaled = _scaled(genomes)
    sketches = {g: MinHash(n=0, ksize=KMER, scaled=scaled) for g in sorted(set(groups.values()))}
    for sample, genome in zip(samples, genomes, strict=True):
        with dnaio.open(genome) as records:
            for record in records:
                if (sample, record.id) in groups:
                    # force: k-mers with N are skipped
                    sketches[groups[sample, record.id]].add_sequence(record.sequence, force=True)
    hashes = [np.fromiter(sketch.hashes, np.uint64) for sketch in sketches.values()]
    owners = np.repeat(np.arange(len(hashes)), [len(h) for h in hashes])
    return pd.DataFrame(
        {
            "hash": np.concatenate(hashes),
            "group": pd.Categorical.from_codes(owners, list(sketches)),
        }
    )


def _scaled(genomes: Sequence[Path]) -> int:
    bases = BASES_PER_BYTE * sum(genome.stat().st_size for genome in genomes)
    return max(LEAST_SCALED, bases // MOST_HASHES)


def closest_pair(split: pd.DataFrame, hashes: pd.DataFrame, part: str) -> dict[str, Any]:
    """The highest containment of any group of `part` in any group of train, and both names."""
    part_of = hashes["group"].map(split.drop_duplicates("group").set_index("group")["part"])
    train, other = hashes[part_of == "train"], hashes[part_of == part]
    shared = other.merge(train, on="hash", suffixes=("", "_train"))
    counts = shared.groupby(["group_train", "group"], observed=True).size()
    containment = counts / other.groupby("group", observed=True).size()
    row = {"part": f"train|{part}", "containment": 0.0}
    if len(containment):
        row |= {"groups": "|".join(containment.idxmax()), "containment": containment.max()}
    return row
