"""The configuration and the sample sheet: read, checked, completed with defaults. No torch here."""

import difflib
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from seqloom.download import Download, read_downloads
from seqloom.encoders.registry import Backend, read_backend
from seqloom.errors import InputError
from seqloom.sharding import shard_names

SCHEMAS = Path(__file__).parents[3] / "config" / "schemas"
REGISTRY = Path(__file__).parents[3] / "resources" / "models.yaml"
DEMO_FOLDER = "resources/demo/"
REFSEQ_FOLDER = "resources/refseq/"
WHOLE = "whole"
# A gzipped genome unpacks to about so many times its size; only the number of shards needs it.
_GZIP_RATIO = 3.5
_PACKED = (".gz", ".bgz", ".bz2", ".xz", ".zst")


@dataclass(frozen=True)
class Sample:
    """A row of the sheet."""

    name: str
    fasta: tuple[str, ...]
    molecule: str
    label: str | None
    category: str | None
    annotation: tuple[str, ...]
    groups: str | None
    genetic_code: int
    max_frames: int | None
    bases: int

    @property
    def is_query(self) -> bool:
        return self.molecule == "dna" and self.label is None


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
        return [s.name for s in self.samples.values() if s.label]

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
    values = _completed(given, _schema("config"), "config")
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
    named = read_downloads(path, _sheet_rows(path))
    return {REFSEQ_FOLDER + name: download for name, download in named.items()}


def read_sheet(path: str, downloads: Mapping[str, Download]) -> dict[str, Sample]:
    """The samples by name, in the order of the sheet."""
    if not Path(path).is_file():
        raise InputError(f"{path}: the sample sheet does not exist; set `samples` in the config")
    samples: dict[str, Sample] = {}
    for number, row in _sheet_rows(path):
        sample = _sample(row, f"{path} line {number}", downloads)
        if sample.name in samples:
            raise InputError(
                f'{path} line {number}: sample "{sample.name}" is listed twice; rename one'
            )
        samples[sample.name] = sample
    if not samples:
        raise InputError(f"{path}: the sample sheet has no rows; add one line per sample")
    return samples


def _sheet_rows(path: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of the sheet as text, with their line numbers; blank lines are passed over."""
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{path}: this is not UTF-8 text; save it as such") from None
    # Editors put empty cells at the end of a line, or cut them off.
    rows = [(n, line.rstrip().split("\t")) for n, line in enumerate(lines, start=1)]
    rows = [(n, cells) for n, cells in rows if any(cells)]
    header = [cell.strip() for cell in rows[0][1]] if rows else []
    if len(set(header)) < len(header):
        raise InputError(f"{path} line {rows[0][0]}: a column is named twice; remove one")
    for number, cells in rows[1:]:
        if len(cells) > len(header):
            raise InputError(
                f"{path} line {number}: {len(cells)} cells, but the header has {len(header)}; "
                "remove what is too much"
            )
        yield number, dict(itertools.zip_longest(header, map(str.strip, cells), fillvalue=""))


def _sample(row: dict[str, str], where: str, downloads: Mapping[str, Download]) -> Sample:
    schema = _schema("samples")
    cells = {key: _typed(text, schema["properties"].get(key, {})) for key, text in row.items()}
    values = _completed({k: v for k, v in cells.items() if v != ""}, schema, where)
    for key in ("fasta", "annotation"):
        values[key] = tuple(filter(None, map(str.strip, (values[key] or "").split(";"))))
    if not values["fasta"]:
        raise InputError(f"{where}: fasta names no file; give one")
    for path in filter(None, [*values["fasta"], *values["annotation"], values["groups"]]):
        if {"{", "}"} & set(path):
            raise InputError(
                f"{where}: {path} has braces, which Snakemake reads as its own; rename it"
            )
        # The demo's genomes are made by the workflow itself, and listed files are fetched.
        is_made = path.startswith(DEMO_FOLDER) or path in downloads
        if not is_made and not Path(path).is_file():
            raise InputError(f"{where}: {path} does not exist; correct the path")
    values["bases"] = values["bases"] or sum(
        _estimated_bases(path, downloads) for path in values["fasta"]
    )
    if values["label"] and values["molecule"] == "protein":
        raise InputError(f"{where}: a protein sample cannot have a label; classifiers train on DNA")
    values["category"] = values["category"] or values["label"]
    return Sample(name=values.pop("sample"), **values)


def _typed(text: str, schema: dict[str, Any]) -> Any:
    is_integer = "integer" in schema.get("type", "") and text.removeprefix("-").isdecimal()
    return int(text) if is_integer else text


def _estimated_bases(path: str, downloads: Mapping[str, Download]) -> int:
    # A listed file counts as the list has it, there or not: a download must not change the shards.
    if path in downloads:
        size = downloads[path].bytes
    else:
        size = Path(path).stat().st_size if Path(path).is_file() else None
    if size is None:
        raise InputError(f"{path} may not exist yet: give its `bases` in the sample sheet")
    ratio = _GZIP_RATIO if path.endswith(_PACKED) else 1
    return max(1, round(size * ratio))


def _faults(settings: Settings) -> Iterator[str]:
    """What a schema cannot see: names that point nowhere."""
    for name, experiment in settings["experiments"].items():
        for key in ("cut", "fusion"):
            names = list(settings[f"{key}s"])
            if experiment[key] not in names:
                hint = _hint(experiment[key], names)
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


def _schema(name: str) -> dict[str, Any]:
    return yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text())


def _completed(values: dict[str, Any], schema: dict[str, Any], where: str) -> dict[str, Any]:
    """A copy of `values` that satisfies the schema, with its defaults filled in."""
    error = best_match(Draft202012Validator(schema).iter_errors(values))
    if error:
        raise InputError(_sentence(error, where))
    return _with_defaults(values, schema)


def _with_defaults(value: Any, schema: dict[str, Any]) -> Any:
    if not isinstance(value, dict):
        return value
    defaults = {
        key: part["default"]
        for key, part in schema.get("properties", {}).items()
        if "default" in part
    }
    other = schema.get("additionalProperties") or {}
    return {
        key: _with_defaults(item, schema.get("properties", {}).get(key, other))
        for key, item in (defaults | value).items()
    }


def _sentence(error: ValidationError, where: str) -> str:
    path = ".".join(map(str, error.absolute_path))
    spot = f"{where}: {path}" if path else where
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        wrong = next(key for key in error.instance if key not in known)
        return f'{spot}: key "{wrong}" is unknown{_hint(str(wrong), known)}'
    if error.validator == "required":
        return f"{spot}: {error.message.replace(' is a required property', ' is missing')}; add it"
    if error.validator == "enum":
        allowed = ", ".join(str(v) for v in error.validator_value if v is not None)
        return f'{spot}: "{error.instance}" does not exist; choose one of {allowed}'
    if error.validator == "type" and "integer" in error.validator_value:
        return f"{spot}: {error.instance!r} is not a whole number; write it in digits"
    if error.validator == "type" and error.validator_value == "number":
        return f"{spot}: {error.instance!r} is not a number; write 0.0001 or 1.0e-4"
    return f"{spot}: {error.message}"


def _hint(wrong: str, known: list[str]) -> str:
    close = difflib.get_close_matches(wrong, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known) or 'none'}"
