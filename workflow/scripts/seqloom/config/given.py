"""A finished classifier and contigs to call, given in place of a sheet, cuts and experiments."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqloom import CLASSIFIER_FORMAT, ENGINE_VERSION
from seqloom.errors import InputError
from seqloom.files.json_files import read_json
from seqloom.files.packed import classifier_files, classifier_problem, read_member

# What a run of contigs and a classifier has nothing of.
_LEFT_OUT = (
    *("samples", "protein_backends", "residue_backends"),
    *("export", "simulate", "annotate", "refseq"),
)
_ENDINGS = re.compile(r"(\.seqloom)?(\.zip|\.gz|\.bgz|\.bz2|\.xz|\.zst)?$")


@dataclass(frozen=True)
class Given:
    """A classifier from elsewhere, by the name of its folder or file."""

    path: str
    name: str
    description: Mapping[str, Any]

    @property
    def files(self) -> list[str]:
        return [str(path) for path in classifier_files(Path(self.path))]

    @property
    def recipe(self) -> dict[str, str]:
        """Its cut and fusion, as of an experiment."""
        return {key: self.description[key] for key in ("cut", "fusion")}

    @property
    def backends(self) -> dict[str, Mapping[str, Any]]:
        """How it was trained to read with each backend, by name."""
        return {backend["backend"]: backend for backend in self.description["backends"]}


def read_given(path: str) -> Given:
    """The classifier at a path; one sentence says why it cannot be used."""
    if problem := classifier_problem(Path(path)):
        raise InputError(f"config: classifier: {path} {problem}")
    if {"{", "}"} & set(path):
        raise InputError(f"config: classifier: {path} has braces; rename it")
    if Path(path).is_dir():
        description = read_json(Path(path, "classifier.json"))
    else:
        description = json.loads(read_member(Path(path), "classifier.json"))
    if description.get("format") != CLASSIFIER_FORMAT:
        raise InputError(
            f"config: classifier: an earlier version of seqloom wrote {path}, which is read "
            "differently now; train again"
        )
    given = Given(path, name_of(path), description)
    for name, backend in given.backends.items():
        if backend["engine_version"] != str(ENGINE_VERSION):
            raise InputError(
                f"config: classifier: {path} was trained on embeddings of engine version "
                f"{backend['engine_version']}, and {name} would be read by version "
                f"{ENGINE_VERSION}; take the version of seqloom that trained it, or train again"
            )
    return given


def config_of(given: Given, config: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a run that reads contigs as the classifier was trained to."""
    description, backends = given.description, list(given.backends.values())
    kept = {key: value for key, value in config.items() if key not in _LEFT_OUT}
    return kept | {
        "cuts": {description["cut"]: description["cut_settings"]},
        "fusions": {description["fusion"]: list(given.backends)},
        "experiments": {},
        "predict": config.get("predict", {}) | {"experiments": [given.name]},
        "embed": config.get("embed", {}) | {"store": backends[0]["store"]},
    }


def name_of(path: str) -> str:
    """The name of a file or folder without its endings, as file names of ours have it."""
    name = _ENDINGS.sub("", Path(path.split(";")[0]).name)
    name = re.sub(r"\.(fa|fna|fasta|fas|ffn)$", "", name)
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name).lstrip(".-") or "contigs"
