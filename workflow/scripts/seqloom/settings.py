"""The configuration: read, checked, completed with defaults. No torch here."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqloom.download import Download, read_downloads
from seqloom.encoders.registry import Backend, read_backend
from seqloom.errors import InputError
from seqloom.schemas import completed, hint_of, schema_of
from seqloom.sharding import shard_names
from seqloom.sheet import Sample, read_sheet, sheet_rows

REGISTRY = Path(__file__).parents[3] / "resources" / "models.yaml"
REFSEQ_FOLDER = "resources/refseq/"
WHOLE = "whole"


@dataclass(frozen=True)
class Settings:
    """A checked configuration; `values` has every key of the schema, `downloads` goes by path."""

    values: dict[str, Any]
    samples: dict[str, Sample]
    backends: dict[str, Backend]
    downloads: dict[str, Download]

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def labeled(self) -> list[str]:
        """By name: a sheet in another order trains no other classifier."""
        return sorted(s.name for s in self.samples.values() if s.label)

    def queries(self) -> list[str]:
        return [s.name for s in self.samples.values() if s.is_query]

    def of_molecule(self, molecule: str) -> list[str]:
        return [s.name for s in self.samples.values() if s.molecule == molecule]

    def legacy_cuts_and_fusions(self) -> list[tuple[str, str]]:
        """Of experiments that fuse one DNA and one protein backend, in that order, as VirNucPro."""
        return sorted(
            {
                (e["cut"], e["fusion"])
                for e in self["experiments"].values()
                if [self.backends[b].molecule for b in self["fusions"][e["fusion"]]]
                == ["dna", "protein"]
            }
        )

    def legacy_cuts(self) -> list[str]:
        """Cuts of experiments that read all windows and frames as VirNucPro."""
        used = dict.fromkeys(e["cut"] for e in self["experiments"].values())
        return [
            name
            for name in used
            if (cut := self["cuts"][name])["scheme"] == cut["frames"] == "virnucpro"
            and cut["max_per_window"] is None
            and cut["training"] != "coding"
        ]

    def trains_on_coding(self, cut: str, sample: str) -> bool:
        """Whether only coding frames of the sample are used under the cut."""
        return (
            cut != WHOLE
            and self["cuts"][cut]["training"] != "all"
            and self.samples[sample].label is not None
        )

    def shards(self, cut: str, sample: str) -> list[str]:
        """Names of the sample's shards under a cut, from the sheet and the config alone."""
        row = self.samples[sample]
        bases = row.bases
        if row.max_frames and cut != WHOLE:
            bases = min(bases, row.max_frames * self["cuts"][cut]["window"])
        return shard_names(math.ceil(bases / self["embed"]["shard_bases"]))


def load_settings(config: dict[str, Any]) -> Settings:
    """Check `config` and the sheet it names; the first fault is an InputError of one sentence."""
    # `embed:` with nothing behind it is as good as absent.
    given = {key: value for key, value in config.items() if value is not None}
    for section in ("cuts", "fusions", "experiments"):
        for name in given.get(section, {}):
            if not isinstance(name, str):
                raise InputError(
                    f"config: {section}: the name {name} is read as a number; put letters into it, "
                    "such as w300"
                )
    values = completed(given, schema_of("config"), "config")
    downloads = _listed_downloads(values["refseq"])
    samples = read_sheet(values["samples"], downloads)
    used = {name for backends in values["fusions"].values() for name in backends}
    used |= set(values["protein_backends"])
    backends = {name: read_backend(REGISTRY, name) for name in sorted(used)}
    settings = Settings(values, samples, backends, downloads)
    for fault in _faults(settings):
        raise InputError(fault)
    return settings


def _listed_downloads(refseq: dict[str, Any] | None) -> dict[str, Download]:
    """What the list names, by the path it will have."""
    if refseq is None:
        return {}
    path = refseq["list"]
    if not Path(path).is_file():
        raise InputError(f"{path}: the list of files does not exist; correct `refseq: list`")
    named = read_downloads(path, sheet_rows(path))
    return {REFSEQ_FOLDER + name: download for name, download in named.items()}


def _faults(settings: Settings) -> Iterator[str]:
    """What a schema cannot see: names that point nowhere."""
    for name, experiment in settings["experiments"].items():
        for key in ("cut", "fusion"):
            names = list(settings[f"{key}s"])
            if experiment[key] not in names:
                hint = hint_of(experiment[key], names)
                yield f'config: experiments.{name}.{key}: "{experiment[key]}" does not exist{hint}'
        if abs(sum(experiment["split"]["fractions"]) - 1) > 1e-6:
            yield f"config: experiments.{name}.split.fractions do not add up to 1"
        missing = {"viral", "host"} - {s.label for s in settings.samples.values()}
        if missing:
            yield (
                f"{settings['samples']}: experiment {name} needs samples of both labels, "
                f"none is {' or '.join(sorted(missing))}; fill the column label"
            )
        for sample in settings.labeled():
            cut = experiment["cut"]
            if settings.trains_on_coding(cut, sample) and not settings.samples[sample].annotation:
                yield (
                    f"{settings['samples']}: sample {sample} needs an annotation, for experiment "
                    f"{name} trains on coding frames; fill the column, or set cuts.{cut}.training: "
                    "all"
                )
    for name in settings["predict"]["experiments"]:
        if name not in settings["experiments"]:
            yield f'config: predict.experiments: "{name}" is not an experiment'
    legacy = settings.legacy_cuts() + settings.legacy_cuts_and_fusions()
    if "virnucpro" in settings["export"] and not legacy:
        yield (
            "config: export: virnucpro needs an experiment that fuses a DNA and a protein backend, "
            "or one whose cut has the scheme and frames of virnucpro"
        )
    for name in settings["protein_backends"]:
        if settings.backends[name].molecule != "protein":
            yield f'config: protein_backends: "{name}" reads DNA'
    for name, backend in settings.backends.items():
        if backend.demo and not settings["simulate"]:
            yield f'config: backend "{name}" is random; it needs the demo genomes of `simulate`'
    for name, model in settings["models"].items():
        if read_backend(REGISTRY, name).demo:
            yield f"config: models.{name}: a demo model is made, not read; remove it"
        if "local" in model and not Path(model["local"]).is_dir():
            yield f"config: models.{name}.local: {model['local']} is not a folder"
