"""Which stretches of which contigs are for training, and which are held out."""

from collections.abc import Sequence

import pandas as pd

from seqloom.annotate.stretches import stretches_of
from seqloom.config.held_out import HeldOut
from seqloom.errors import InputError

COLUMNS = ["sample", "contig", "start", "end", "part", "group"]


def parts_table(contigs: pd.DataFrame, held_out: Sequence[HeldOut]) -> pd.DataFrame:
    """A row for each stretch of the contigs, which have sample, contig, length, sha256, group."""
    rows = []
    for sample, own in contigs.groupby("sample", sort=False):
        lengths = dict(zip(own["contig"], own["length"].tolist(), strict=True))
        groups = dict(zip(own["contig"], own["group"], strict=True))
        places = [place for place in held_out if place.species == sample]
        for stretch in stretches_of(lengths, places):
            place = stretch.contig, stretch.start, stretch.end
            rows.append((sample, *place, stretch.part, groups[stretch.contig]))
    table = pd.DataFrame(rows, columns=COLUMNS)
    _check_equal_contigs(table, contigs)
    _check_groups(table)
    return table


def _check_equal_contigs(table: pd.DataFrame, contigs: pd.DataFrame) -> None:
    """An error if two contigs of the same sequence are in two parts."""
    sequences = contigs.set_index(["sample", "contig"])["sha256"]
    own = table.assign(
        sha256=sequences.loc[zip(table["sample"], table["contig"], strict=True)].to_numpy()
    )
    if pair := _divided(own, "sha256"):
        raise InputError(
            f"annotate: {' and '.join(pair)} have the same sequence; hold out both, or remove one "
            "of the two contigs"
        )


def _check_groups(table: pd.DataFrame) -> None:
    if pair := _divided(table, "group"):
        raise InputError(
            f"annotate: {' and '.join(pair)} are of one group; hold out all of the group, or "
            "correct the groups files of the sample sheet"
        )


def _divided(table: pd.DataFrame, by: str) -> list[str]:
    """Two contigs that share a value but not their part; stretches of one contig may differ."""
    table = table.assign(name=table["sample"] + "/" + table["contig"])
    counts = table.groupby(by)[["part", "name"]].transform("nunique")
    for _, rows in table[(counts > 1).all(axis=1)].groupby(by, sort=False):
        first = rows["name"].iloc[0]
        mine, others = rows[rows["name"] == first], rows[rows["name"] != first]
        one, other = next(
            (one, other)
            for one in mine.itertuples()
            for other in others.itertuples()
            if one.part != other.part
        )
        return [f"{one.name} ({one.part})", f"{other.name} ({other.part})"]
    return []
