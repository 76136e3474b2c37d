"""What of the annotated species is held out of training, as the config writes it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PARTS = ("validation", "test")
_PLACE = re.compile(r"(?P<species>[^/]+)(/(?P<contig>.+?)(:(?P<start>\d+)-(?P<end>\d+))?)?")


@dataclass(frozen=True)
class HeldOut:
    """A species, a contig of it, or a stretch (0-based, half-open) that belongs to a part."""

    part: str
    species: str
    contig: str | None = None
    start: int | None = None
    end: int | None = None

    def overlaps(self, other: "HeldOut") -> bool:
        if self.species != other.species:
            return False
        if None in (self.contig, other.contig) or self.contig != other.contig:
            return None in (self.contig, other.contig)
        if None in (self.start, other.start):
            return True
        return self.start < other.end and other.start < self.end


def held_out(annotate: Mapping[str, Any]) -> list[HeldOut]:
    """The places of validation and test, in the order of the config."""
    return [held_out_place(part, text) for part in PARTS for text in annotate[part]]


def held_out_place(part: str, text: str) -> HeldOut:
    """A place as the config writes it; bases are counted from 1 there, and the last is included."""
    place = _PLACE.fullmatch(text)
    if place["start"] is None:
        return HeldOut(part, place["species"], place["contig"])
    start, end = int(place["start"]) - 1, int(place["end"])
    return HeldOut(part, place["species"], place["contig"], start, end)
