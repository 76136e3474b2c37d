"""The configuration, checked and completed with defaults. Does not import torch."""

import math
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any

from seqloom.config.annotation import (
    annotation_problems,
    program_problems,
    raw_species,
    with_raw_species,
)
from seqloom.config.cut import WHOLE
from seqloom.config.given import Given, config_of, name_of, read_given
from seqloom.config.kmers import add_kmer_experiments
from seqloom.config.problems import problems
from seqloom.config.recipes import completed
from seqloom.config.registry import KMER, REGISTRY, Backend, own_backend, read_backends
from seqloom.config.schemas import read_schema, read_yaml, validated
from seqloom.config.sharding import shard_names
from seqloom.config.sheet import Sample, query_sample, read_sheet
from seqloom.config.sheet_files import REFSEQ_FOLDER
from seqloom.config.tsv import file_problem, read_rows
from seqloom.errors import InputError
from seqloom.files.downloads import Download, read_downloads


@dataclass(frozen=True)
class Settings:
    """A checked configuration; `values` has every key of the schema, `downloads` are by path.

    `beside` are the experiments on k-mers that the config does not name, with the experiment whose
    split each has.
    """

    values: dict[str, Any]
    samples: dict[str, Sample]
    backends: dict[str, Backend]
    downloads: dict[str, Download]
    beside: dict[str, str]
    given: Given | None = None

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    @property
    def value_bytes(self) -> int:
        """Bytes of a stored number of a matrix."""
        return 2 if self["embed"]["store"] == "float16" else 4

    @property
    def applied(self) -> dict[str, dict[str, Any]]:
        """The cut and the fusion of each experiment, or of the classifier that was given."""
        return {self.given.name: self.given.recipe} if self.given else self["experiments"]

    def dtype(self, backend: str) -> str:
        """The precision that is asked of a backend."""
        return self.given.backends[backend]["dtype"] if self.given else self["embed"]["dtype"]

    @property
    def has_legacy_calls(self) -> bool:
        """Whether predictions are also written as VirNucPro does."""
        return "virnucpro" in self["export"]

    def labeled(self) -> list[str]:
        """Labeled samples by name, so that the order of the sheet has no effect on training."""
        return sorted(s.name for s in self.samples.values() if s.label)

    def queries(self) -> list[str]:
        return [s.name for s in self.samples.values() if s.is_query]

    def of_molecule(self, molecule: str) -> list[str]:
        return [s.name for s in self.samples.values() if s.molecule == molecule]

    def backends_of(self, name: str) -> list[str]:
        """The backends of a fusion, in order; a backend is its own."""
        return self["fusions"].get(name, [name])

    def protein_backends(self) -> list[str]:
        """Backends of protein samples, each once."""
        named = [b for name in self["protein_backends"] for b in self.backends_of(name)]
        return list(dict.fromkeys(named))

    def protein_fusions(self) -> list[tuple[str, str]]:
        """Fusion and sample of all protein samples that are fused."""
        fusions = [name for name in self["protein_backends"] if name in self["fusions"]]
        return [(fusion, sample) for fusion in fusions for sample in self.of_molecule("protein")]

    def legacy_cuts_and_fusions(self) -> list[tuple[str, str]]:
        """Cut and fusion of experiments with a DNA and a protein backend, as VirNucPro has."""
        return sorted(
            {
                (e["cut"], e["fusion"])
                for e in self["experiments"].values()
                if [self.backends[b].molecule for b in self["fusions"][e["fusion"]]]
                == ["dna", "protein"]
            }
        )

    def legacy_cuts(self) -> list[str]:
        """Cuts that read all windows and frames as VirNucPro does."""
        return [
            name
            for name, cut in self["cuts"].items()
            if cut["scheme"] == cut["frames"] == "virnucpro"
            and cut["max_per_window"] is None
            and cut["training"] != "coding"
        ]

    def used_cuts(self) -> list[str]:
        """DNA cuts that experiments or the export of frames use."""
        used = [e["cut"] for e in self.applied.values()]
        if "virnucpro" in self["export"]:
            used += self.legacy_cuts()
        return list(dict.fromkeys(used))

    def kmer_backends(self) -> list[str]:
        return [name for name, backend in self.backends.items() if backend.architecture == KMER]

    def split_of(self, experiment: str) -> str:
        """The experiment whose split this one has."""
        return self.beside.get(experiment, experiment)

    def learned_samples(self, experiment: str) -> list[str]:
        """Samples whose frames the classifier of an experiment reads."""
        is_applied = experiment in self["predict"]["experiments"]
        return self.labeled() + (self.queries() if is_applied else [])

    def weights_of(self, experiment: str) -> int:
        """Millions of weights in its models."""
        models = self["fusions"][self["experiments"][experiment]["fusion"]]
        return sum(self.backends[name].parameters for name in models)

    def matrices(self) -> list[tuple[str, str, str]]:
        """Backend, cut and sample of everything that the config names to be embedded."""
        used = sorted(
            {
                (e["cut"], backend)
                for name, e in self.applied.items()
                if name not in self.beside
                for backend in self["fusions"][e["fusion"]]
            }
        )
        dna = [(b, c, s) for c, b in used for s in self.of_molecule("dna")]
        proteins = self.of_molecule("protein")
        return dna + [(b, WHOLE, s) for b in self.protein_backends() for s in proteins]

    def matrices_beside(self) -> list[tuple[str, str, str]]:
        """Those of the k-mers, for the experiments beside the others only."""
        return [
            (backend, self["experiments"][name]["cut"], sample)
            for name in self.beside
            for backend in self["fusions"][self["experiments"][name]["fusion"]]
            for sample in self.learned_samples(name)
        ]

    def exported_matrices(self) -> list[tuple[str, str, str]]:
        """Those of `matrices`, and the fusions of protein samples in place of a backend."""
        return self.matrices() + [(fusion, WHOLE, s) for fusion, s in self.protein_fusions()]

    def cuts_and_samples(self) -> list[tuple[str, str]]:
        """Cut and sample of everything that is embedded, or exported as frames only."""
        frames = [(c, s) for c in self.used_cuts() for s in self.of_molecule("dna")]
        return list(dict.fromkeys([*frames, *((c, s) for _, c, s in self.matrices())]))

    def trains_on_coding(self, cut: str, sample: str) -> bool:
        """Whether only coding frames of the sample are used under the cut."""
        return (
            cut != WHOLE
            and self["cuts"][cut]["training"] != "all"
            and self.samples[sample].label is not None
        )

    def shards(self, cut: str, sample: str) -> tuple[str, ...]:
        """Names of the sample's shards under a cut, from the sheet and the config alone."""
        row = self.samples[sample]
        bases = row.bases
        if cut == WHOLE:
            # A protein is read whole and on one strand: a residue takes the work of three bases.
            bases = 3 * row.bases
        elif row.max_frames:
            bases = min(bases, row.max_frames * self["cuts"][cut]["window"])
        return shard_names(math.ceil(bases / self["embed"]["shard_bases"]))

    def residues_per_shard(self, sample: str) -> float:
        """Of a protein sample."""
        return self.samples[sample].bases / len(self.shards(WHOLE, sample))


def load_settings(config: dict[str, Any], check_files: bool = True) -> Settings:
    """Check `config` and its sample sheet; the first problem is raised as an InputError."""
    # An empty `embed:` counts as absent.
    given = {key: value for key, value in config.items() if value is not None}
    for section in ("cuts", "fusions", "experiments", "backends"):
        names = given.get(section, {})
        for name in names if isinstance(names, dict) else ():
            if not isinstance(name, str):
                raise InputError(
                    f"config: {section}: the name {name} is read as a number; put letters into it, "
                    "such as w300"
                )
    applied = None
    if given.get("contigs") or given.get("classifier"):
        applied = _given_classifier(given)
        given = config_of(applied, given)
    values = validated(given, read_schema("config"), "config")
    for experiment in values["experiments"].values():
        experiment["train"] = completed(experiment["train"])
    beside = add_kmer_experiments(values)
    downloads = _listed_downloads(values["refseq"])
    annotate = values["annotate"]
    raw = {}
    if annotate is not None:
        where = "config: annotate"
        values["annotate"] = annotate = validated(annotate, read_schema("annotate"), where)
        raw = raw_species(annotate)
    sheet = {}
    if applied:
        sample = query_sample(name_of(values["contigs"]), values["contigs"])
        sheet = {sample.name: sample}
        if check_files:
            sample.check_files()
    elif not raw or "samples" in given:
        sheet = read_sheet(values["samples"], downloads, check_files)
    samples = with_raw_species(raw, sheet)
    used = {name for backends in values["fusions"].values() for name in backends}
    used |= set(values["protein_backends"]) - set(values["fusions"])
    used |= set(values["residue_backends"])
    used |= {annotate["backend"]} if annotate else set()
    own = values["backends"]
    backends = {name: own_backend(name, own[name]) for name in sorted(used & own.keys())}
    known = read_yaml(REGISTRY).keys()
    for name in sorted(used - own.keys() - known) if applied else ():
        raise InputError(
            f"config: classifier: {applied.path} was trained on {name}, which is not a backend of "
            "models.yaml; add it to `backends` in the config, as where the classifier was trained"
        )
    backends |= read_backends(REGISTRY, sorted(used - own.keys()))
    settings = Settings(values, samples, backends, downloads, beside, applied)
    found = chain(problems(settings), annotation_problems(values, samples, backends))
    if annotate and check_files:
        found = chain(found, program_problems(annotate))
    for problem in found:
        raise InputError(problem)
    for name, sample in raw.items():
        if name not in annotate["species"]:
            del samples[name]
        elif check_files:
            sample.check_files()
    return settings


def _given_classifier(config: dict[str, Any]) -> Given:
    for key, other in (("contigs", "classifier"), ("classifier", "contigs")):
        if not isinstance(config.get(key), str):
            raise InputError(
                f"config: {key} is missing beside {other}; give both, such as "
                "`--config contigs=my.fa.gz classifier=my.seqloom.zip`"
            )
    return read_given(config["classifier"])


def _listed_downloads(refseq: dict[str, Any] | None) -> dict[str, Download]:
    """The listed downloads, by the path each will have."""
    if refseq is None:
        return {}
    path = refseq["list"]
    if problem := file_problem(path):
        raise InputError(f"{path}: the list of files {problem} (`refseq: list` in the config)")
    columns = [field.name for field in fields(Download)]
    named = read_downloads(path, read_rows(path, ["url"], columns))
    return {REFSEQ_FOLDER + name: download for name, download in named.items()}
