"""The section `annotate` of the config: species, held-out stretches, windows."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqloom.config.schemas import hint_of
from seqloom.config.sheet import Sample, species_folders
from seqloom.errors import InputError

PARTS = ("train", "validation", "test")
_PLACE = re.compile(r"(?P<species>[^/]+)(/(?P<contig>.+?)(:(?P<start>\d+)-(?P<end>\d+))?)?")


@dataclass(frozen=True)
class HeldOut:
    """A species, a contig of it, or a stretch (0-based, half-open) that belongs to a part."""

    part: str
    species: str
    contig: str | None = None
    start: int | None = None
    end: int | None = None


def held_out(annotate: Mapping[str, Any]) -> list[HeldOut]:
    found = []
    for part in ("validation", "test"):
        for text in annotate[part]:
            place = _PLACE.fullmatch(text)
            start, end = (place[name] and int(place[name]) for name in ("start", "end"))
            found.append(
                HeldOut(part, place["species"], place["contig"], start and start - 1, end)
            )
    return found


def raw_species(annotate: Mapping[str, Any]) -> dict[str, Sample]:
    """The samples of `annotate: raw`; prokaryotes are read with genetic code 11."""
    if annotate["raw"] is None:
        return {}
    prokaryotes = [name for name, taxon in annotate["species"].items() if taxon == "prokaryote"]
    return species_folders(annotate["raw"], dict.fromkeys(prokaryotes, 11))


def annotation_problems(
    annotate: Mapping[str, Any] | None, samples: Mapping[str, Sample], sheet: str
) -> Iterator[str]:
    """Problems of the section that its schema cannot find."""
    if annotate is None:
        return
    species = annotate["species"]
    for name in species:
        if name not in samples:
            yield f'config: annotate.species: there is no sample "{name}"{hint_of(name, samples)}'
        elif samples[name].molecule != "dna" or not samples[name].annotation:
            yield (
                f"{sheet}: sample {name} needs DNA and an annotation to be in annotate.species; "
                "fill the column annotation"
            )
    for place in held_out(annotate):
        if place.species not in species:
            hint = hint_of(place.species, species)
            yield f'config: annotate.{place.part}: "{place.species}" is not in species{hint}'
        if place.start is not None and not 0 <= place.start < place.end:
            yield (
                f"config: annotate.{place.part}: {place.species}/{place.contig}: a stretch is "
                "first-last, from 1; correct it"
            )
    tokens = [biotype.lower() for biotype in annotate["biotypes"]]
    if len(set(tokens)) < len(tokens):
        yield "config: annotate.biotypes: two differ only in upper and lower case; keep one"
    if annotate["windows"]["sliding"]:
        size, step = annotate["windows"]["sliding"]
        if step > size:
            yield "config: annotate.windows.sliding: the step is longer than the window; lower it"
    for key in ("augustus_species", "busco"):
        for name in annotate[key]:
            if name not in species:
                hint = hint_of(name, species)
                yield f'config: annotate.{key}: "{name}" is not in species{hint}'
