"""Contigs with equal sequences, which must have the same label and are put in one group."""

import logging
from typing import Any

import pandas as pd

from seqloom.errors import InputError

log = logging.getLogger(__name__)


def equal_contigs(contigs: pd.DataFrame) -> pd.DataFrame:
    """The contigs with frames that share their sequence; an error if their labels differ."""
    used = contigs[contigs["frames"] > 0]
    equal = used[used["sha256"].duplicated(keep=False)]
    labels = equal.drop_duplicates(["sha256", "label"])
    opposite = labels[labels["sha256"].duplicated(keep=False)]
    if len(opposite):
        raise InputError(
            f"{_first_pair(opposite)} have the same sequence "
            f"({opposite['sha256'].nunique()} such sequences in all); remove one of the two "
            "contigs, or correct a label in the sample sheet"
        )
    return equal


def merged_groups(groups: pd.Series, equal: pd.DataFrame) -> pd.Series:
    """The group of each contig; groups that share a sequence are merged under the first name."""
    joined = equal["group"]
    while True:
        spread = joined.groupby(equal["sha256"]).transform("min")
        spread = spread.groupby(equal["group"]).transform("min")
        if spread.equals(joined):
            break
        joined = spread
    names = dict(zip(equal["group"], joined, strict=True))
    return groups.map(lambda group: names.get(group, group))


def equality_row(equal: pd.DataFrame, groups: pd.Series) -> dict[str, Any]:
    """The row of the audit about equal contigs; `groups` are the merged ones."""
    before = equal["group"].nunique()
    row = {"part": "equal sequences", "contigs": len(equal), "groups": before}
    if len(equal):
        row["note"] = (
            f"{len(equal)} contigs share their sequence with another contig, such as "
            f"{_first_pair(equal)}; their {before} groups are now {groups[equal.index].nunique()}"
        )
        log.warning("%s", row["note"])
    return row


def _first_pair(equal: pd.DataFrame) -> str:
    """The names of the first two contigs with the first sequence."""
    pair = equal[equal["sha256"] == equal["sha256"].iloc[0]].head(2)
    return " and ".join(
        f'contig "{row.contig}" of the {row.label} sample {row.sample}' for row in pair.itertuples()
    )
