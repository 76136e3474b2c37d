"""The stretches of contigs that are for training, and those that are held out."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from seqloom.annotate.window_plan import TRAIN, Stretch
from seqloom.config.held_out import HeldOut
from seqloom.errors import InputError
from seqloom.files.tables import open_tsv


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
            f'{where}: {place.species} has no contig "{place.contig}"; correct the name (its '
            f"contigs are {', '.join(list(lengths)[:3])}{' ...' * (len(lengths) > 3)})"
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


def read_parts(path: str | Path, sample: str) -> list[Stretch]:
    """The stretches of a sample."""
    with open_tsv(path, "sample") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [
            Stretch(row["contig"], int(row["start"]), int(row["end"]), row["part"])
            for row in rows
            if row["sample"] == sample
        ]
