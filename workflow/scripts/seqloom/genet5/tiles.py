"""Overlapping tiles of contigs, in groups that a model reads together.

A tile and its group follow from the contig alone, so genes do not depend on how a genome is shared
among jobs.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from seqloom.annotate.windows import sliding_windows
from seqloom.errors import InputError

_RANGE = re.compile(r"(.+?)(?::(\d+)-(\d+))?")


@dataclass(frozen=True)
class Tile:
    contig: str
    start: int
    end: int


# A group, and those of its tiles that are wanted.
Group = tuple[list[Tile], list[Tile]]


def groups_of(lengths: Mapping[str, int], window: int, overlap: int, size: int) -> list[list[Tile]]:
    """The tiles of all contigs in groups of at most `size` neighbors."""
    if not 0 <= overlap < window:
        raise InputError(
            f"--overlap {overlap}: tiles of {window} bases overlap by less than that; lower it"
        )
    groups = []
    for contig, length in lengths.items():
        places = sliding_windows(0, length, window, window - overlap) if length else []
        tiles = [Tile(contig, start, end) for start, end in places]
        groups += [tiles[first : first + size] for first in range(0, len(tiles), size)]
    return groups


def groups_of_part(groups: Sequence[list[Tile]], part: str) -> Iterator[Group]:
    """The groups of a part such as 0001-of-0004, which share them evenly."""
    number, count = map(int, part.split("-of-"))
    first, last = (len(groups) * end // count for end in (number - 1, number))
    return ((group, group) for group in groups[first:last])


def groups_of_ranges(
    groups: Sequence[list[Tile]], ranges: Sequence[str], lengths: Mapping[str, int]
) -> Iterator[Group]:
    """The groups with tiles that begin in ranges, such as chr1 or chr1:1-200000."""
    wanted = [_range(text, lengths) for text in ranges]
    for group in groups:
        own = [
            tile
            for tile in group
            if any(contig == tile.contig and a <= tile.start < b for contig, a, b in wanted)
        ]
        if own:
            yield group, own


def _range(text: str, lengths: Mapping[str, int]) -> tuple[str, int, int]:
    if text in lengths:
        return text, 0, lengths[text]
    contig, first, last = _RANGE.fullmatch(text).groups()
    if first is None or contig not in lengths or not 1 <= int(first) <= int(last):
        raise InputError(
            f"--range {text}: not a contig of the genome or bases of one; write chr1 or chr1:1-5000"
        )
    return contig, int(first) - 1, int(last)
