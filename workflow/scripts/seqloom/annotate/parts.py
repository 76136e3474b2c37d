"""Which stretches of which contigs are for training, and which are held out."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from seqloom.annotate.window_plan import TRAIN, Stretch
from seqloom.config.annotation import HeldOut
from seqloom.config.schemas import hint_of
from seqloom.errors import InputError
from seqloom.files.tables import open_tsv

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


def stretches_of(lengths: Mapping[str, int], held_out: Sequence[HeldOut]) -> list[Stretch]:
    """The stretches of the contigs of a species, which cover each of them once, in order."""
    for place in held_out:
        _check_place(place, lengths)
    return [
        stretch
        for contig, length in lengths.items()
        for stretch in _of_contig(contig, length, held_out)
        if stretch.start < stretch.end
    ]


def _check_place(place: HeldOut, lengths: Mapping[str, int]) -> None:
    where = f"config: annotate.{place.part}"
    if place.contig is None:
        return
    if place.contig not in lengths:
        raise InputError(
            f'{where}: {place.species} has no contig "{place.contig}"'
            f"{hint_of(place.contig, list(lengths)[:1000])}"
        )
    if place.end is not None and place.end > lengths[place.contig]:
        raise InputError(
            f"{where}: {place.species}/{place.contig} has {lengths[place.contig]} bases, but a "
            f"stretch ends at {place.end}; correct it"
        )


def _of_contig(contig: str, length: int, held_out: Sequence[HeldOut]) -> Iterator[Stretch]:
    done = 0
    places = [place for place in held_out if place.contig in (None, contig)]
    for place in sorted(places, key=lambda place: place.start or 0):
        start, end = (0, length) if place.start is None else (place.start, place.end)
        yield Stretch(contig, done, start, TRAIN)
        yield Stretch(contig, start, end, place.part)
        done = end
    yield Stretch(contig, done, length, TRAIN)


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


def read_parts(path: str | Path, sample: str) -> list[Stretch]:
    """The stretches of a sample."""
    with open_tsv(path, "sample") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [
            Stretch(row["contig"], int(row["start"]), int(row["end"]), row["part"])
            for row in rows
            if row["sample"] == sample
        ]
