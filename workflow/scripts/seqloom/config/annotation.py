"""The section `annotate` of the config: its species, and what its schema cannot check."""

import shutil
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from seqloom.config.gene_model import model_problems
from seqloom.config.held_out import held_out
from seqloom.config.registry import Backend
from seqloom.config.schemas import hint_of
from seqloom.config.sheet import Sample, species_folders
from seqloom.errors import InputError


def baseline_of(taxon: str) -> str:
    """The program that finds genes in such genomes."""
    return "pyrodigal" if taxon == "prokaryote" else "augustus"


def program_problems(annotate: Mapping[str, Any]) -> Iterator[str]:
    """What the machine lacks of the programs that the section asks for."""
    eukaryotes = [n for n, t in annotate["species"].items() if baseline_of(t) == "augustus"]
    if "augustus" in annotate["baselines"] and eukaryotes:
        if not shutil.which("augustus"):
            yield (
                "config: annotate.baselines: the program augustus is not installed; install it "
                "(Debian and Ubuntu: apt-get install augustus), or take it out"
            )
        for name in eukaryotes:
            if name not in annotate["augustus_species"]:
                yield (
                    f"config: annotate.augustus_species: there is no model for {name}; name one "
                    "of `augustus --species=help`, or take augustus out of annotate.baselines"
                )
    if annotate["busco"] and not shutil.which("busco"):
        yield (
            "config: annotate.busco: the program busco is not installed; install it, or remove "
            "annotate.busco"
        )
    for name, folder in annotate["busco"].items():
        if not Path(folder, "dataset.cfg").is_file():
            yield (
                f"config: annotate.busco.{name}: {folder} is not a folder with a dataset.cfg; give "
                "the folder of an unpacked BUSCO lineage, such as bacteria_odb12"
            )


def raw_species(annotate: Mapping[str, Any]) -> dict[str, Sample]:
    """The samples of `annotate: raw`; prokaryotes are read with genetic code 11."""
    if annotate["raw"] is None:
        return {}
    prokaryotes = [name for name, taxon in annotate["species"].items() if taxon == "prokaryote"]
    return species_folders(annotate["raw"], dict.fromkeys(prokaryotes, 11))


def with_raw_species(raw: Mapping[str, Sample], sheet: Mapping[str, Sample]) -> dict[str, Sample]:
    """The samples of both; an error if they share a name."""
    names = {name.lower(): name for name in sheet}
    for name, sample in raw.items():
        if name.lower() in names:
            raise InputError(
                f'{sample.where}: "{name}" is also the sample "{names[name.lower()]}" of the '
                "sheet; rename one of them"
            )
    return {**raw, **sheet}


def annotation_problems(
    values: Mapping[str, Any], samples: Mapping[str, Sample], backends: Mapping[str, Backend]
) -> Iterator[str]:
    """Problems of the section that its schema cannot find; `values` are those of the config."""
    annotate = values["annotate"]
    if annotate is None:
        return
    species = annotate["species"]
    if backends[annotate["backend"]].architecture != "dnabert":
        yield (
            f'config: annotate.backend: "{annotate["backend"]}" is not DNABERT; choose one, such '
            "as dnabert_s"
        )
    if annotate["raw"] and values["experiments"]:
        yield (
            "config: annotate.raw: the experiments would embed these genomes too; write a config "
            "of its own for the annotation, or list the genomes in the sheet"
        )
    for name in species:
        if name not in samples:
            yield f'config: annotate.species: there is no sample "{name}"{hint_of(name, samples)}'
        elif samples[name].molecule != "dna" or not samples[name].annotation_cell:
            yield (
                f"{samples[name].where}: sample {name} needs DNA and an annotation to be in "
                "annotate.species; fill the column annotation"
            )
    for name in annotate["predict"]["samples"]:
        if name not in samples:
            yield (
                f'config: annotate.predict.samples: there is no sample "{name}"'
                f"{hint_of(name, samples)}"
            )
        elif name in species:
            yield (
                f"config: annotate.predict.samples: {name} is in annotate.species, whose genes "
                "are found anyway; remove it here"
            )
        elif samples[name].molecule != "dna":
            yield (
                f"{samples[name].where}: sample {name} is in annotate.predict.samples, but not "
                "DNA; remove it there"
            )
    places = held_out(annotate)
    for place in places:
        if place.species not in species:
            hint = hint_of(place.species, species)
            yield f'config: annotate.{place.part}: "{place.species}" is not in species{hint}'
        if place.start is not None and not 0 <= place.start < place.end:
            yield (
                f"config: annotate.{place.part}: {place.species}/{place.contig}: a stretch is "
                "first-last, counted from 1; correct it"
            )
    for one, other in combinations(places, 2):
        if one.overlaps(other):
            yield (
                f"config: annotate.{other.part}: a place of {other.species} overlaps another that "
                "is held out; keep one of them"
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
    yield from model_problems(annotate)
