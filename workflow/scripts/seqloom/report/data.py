"""The data of the report, read from the files of the other stages and joined by name."""

import csv
import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from seqloom.errors import InputError
from seqloom.files.damage import reraise_as_damaged
from seqloom.files.json_files import read_json
from seqloom.files.tables import open_tsv
from seqloom.report.regions import Track, first_regions, tracks

Row = dict[str, str]
CALLS = ("viral", "host", "uncertain", "not scored")
SHOWN_CALLS = 50
FIGURES = {
    "roc.svg": "ROC curve",
    "calibration.svg": "Reliability",
    "sweep.svg": "Thresholds",
    "pca.svg": "Features",
}


@dataclass(frozen=True)
class Experiment:
    """A classifier with its training, its split and its evaluation."""

    name: str
    card: dict[str, Any]
    history: list[Row]
    metrics: dict[str, Any]
    figures: dict[str, bytes]
    strata: list[Row]
    parts: list[Row]
    equal: Row
    leaks: list[Row]


@dataclass(frozen=True)
class Prediction:
    """The prediction of one experiment for one sample, with its first calls and regions."""

    experiment: str
    sample: str
    summary: dict[str, Any]
    calls: list[Row]
    regions: list[Row]
    tracks: list[Track]


@dataclass(frozen=True)
class ProteinSet:
    """What became of the records of a protein sample in one backend, in numbers."""

    sample: str
    backend: str
    records: int
    embedded: int
    in_pieces: int  # of those embedded
    read_again: int  # of those embedded, in a wider dtype
    failed: int
    unknown: int  # without a known residue
    dtypes: list[str]  # of those that were read once


@dataclass(frozen=True)
class Report:
    """Everything on the page."""

    title: str
    samples: list[dict[str, Any]]
    experiments: list[Experiment]
    comparison: list[dict[str, Any]]
    figure: bytes | None
    predictions: list[Prediction]
    proteins: list[ProteinSet]
    protein_models: list[dict[str, Any]]
    settings: dict[str, Any]

    @property
    def random(self) -> bool:
        """Whether any number on the page comes from a model with random weights."""
        cards = [*self.protein_models, *(e.metrics for e in self.experiments)]
        return any(card["random"] for card in [*cards, *(p.summary for p in self.predictions)])

    @property
    def warnings(self) -> list[str]:
        """The warnings that come before all numbers, each once: of classifiers, then of leaks."""
        told = [(e.name, e.metrics["warning"]) for e in self.experiments]
        told += [(p.experiment, p.summary["warning"]) for p in self.predictions]
        told += [(e.name, leak["note"]) for e in self.experiments for leak in e.leaks]
        names: dict[str, list[str]] = {}
        for name, doubt in told:
            if doubt and name not in names.setdefault(doubt, []):
                names[doubt].append(name)
        return [f"{', '.join(of)}: {doubt}." for doubt, of in names.items()]

    @property
    def backends(self) -> list[dict[str, Any]]:
        """Each backend once, in the order of the experiments, then of the protein sets."""
        by_name = {b["backend"]: b for e in self.experiments for b in e.card["backends"]}
        for model in self.protein_models:
            sets = [s for s in self.proteins if s.backend == model["backend"]]
            used = dict.fromkeys(dtype for s in sets for dtype in s.dtypes)
            by_name.setdefault(model["backend"], model | {"dtype": ", ".join(used)})
        return list(by_name.values())

    @property
    def versions(self) -> dict[str, list[str]]:
        """For each program, all versions that made results; there should be one."""
        cards = [*self.samples, *self.protein_models]
        cards += [card for e in self.experiments for card in (e.card, e.metrics)]
        cards += [p.summary for p in self.predictions]
        versions: dict[str, list[str]] = {}
        for card in cards:
            for program, version in card["provenance"]["versions"].items():
                known = versions.setdefault(program, [])
                if version not in known:
                    known.append(version)
        return versions


def read_experiments(
    evaluations: Sequence[Path], classifiers: Sequence[Path], audits: Sequence[Path]
) -> list[Experiment]:
    """Experiments in the order of `evaluations`; the other lists are joined by name.

    An experiment that has the split of another has its audit, too.
    """
    trained = {folder.name: folder for folder in classifiers}
    audited = {path.name.removesuffix(".audit.tsv"): path for path in audits}
    metrics = {folder.name: read_json(folder / "metrics.json") for folder in evaluations}
    splits = {name: card["split"] for name, card in metrics.items()}
    for known, needed, option in (
        (trained, metrics, "--classifiers"),
        (audited, splits.values(), "--audits"),
    ):
        for name in needed:
            if name not in known:
                raise InputError(f'{option}: nothing for experiment "{name}"; add it')
    return [
        _experiment(
            folder, metrics[folder.name], trained[folder.name], audited[splits[folder.name]]
        )
        for folder in evaluations
    ]


def _experiment(
    evaluation: Path, metrics: dict[str, Any], classifier: Path, audit: Path
) -> Experiment:
    rows = result_rows(audit, "part")
    return Experiment(
        name=evaluation.name,
        card=read_json(classifier / "classifier.json"),
        history=result_rows(classifier / "history.tsv", "epoch"),
        metrics=metrics,
        figures={title: read_figure(evaluation / file) for file, title in FIGURES.items()},
        strata=[
            row for row in result_rows(evaluation / "strata.tsv", "by") if row["by"] != "group"
        ],
        parts=[row for row in rows if row["category"]],
        equal=next(row for row in rows if row["part"] == "equal sequences"),
        leaks=[row for row in rows if " in " in row["part"]],
    )


def read_predictions(folders: Iterable[Path]) -> list[Prediction]:
    """Predictions ordered by sample; folders are EXPERIMENT/SAMPLE."""
    predictions = [_prediction(folder) for folder in folders]
    samples = list(dict.fromkeys(p.sample for p in predictions))
    return sorted(predictions, key=lambda p: samples.index(p.sample))


def _prediction(folder: Path) -> Prediction:
    regions = first_regions(folder / "regions.tsv")
    return Prediction(
        experiment=folder.parent.name,
        sample=folder.name,
        summary=read_json(folder / "summary.json"),
        calls=first_calls(folder / "contigs.tsv"),
        regions=regions,
        tracks=tracks(folder / "windows.parquet", regions),
    )


def read_protein_sets(tables: Sequence[Path]) -> list[ProteinSet]:
    """Protein sets ordered by sample; tables are BACKEND/SAMPLE.tsv."""
    samples = list(dict.fromkeys(path.stem for path in tables))
    return [_protein_set(path) for path in sorted(tables, key=lambda p: samples.index(p.stem))]


def _protein_set(path: Path) -> ProteinSet:
    numbers = dict.fromkeys(("embedded", "in_pieces", "read_again", "failed", "unknown"), 0)
    dtypes = {}
    for row in result_rows(path, "id"):
        if row["status"] != "ok":
            numbers["failed" if row["status"] == "failed" else "unknown"] += 1
            continue
        numbers["embedded"] += 1
        numbers["in_pieces"] += int(row["pieces"]) > 1
        if row["reason"]:
            numbers["read_again"] += 1
        else:
            dtypes[row["dtype"]] = None
    records = numbers["embedded"] + numbers["failed"] + numbers["unknown"]
    return ProteinSet(path.stem, path.parent.name, records, dtypes=list(dtypes), **numbers)


def first_calls(path: Path) -> list[Row]:
    """The first calls of a table of any length: viral ones first, by probability."""
    with open_tsv(path, "contig") as file:
        return heapq.nsmallest(
            SHOWN_CALLS,
            csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE),
            key=lambda row: (CALLS.index(row["call"]), -float(row["probability"] or 0)),
        )


def result_rows(path: Path, first: str) -> list[Row]:
    """The rows of a TSV whose first column is `first`, all cells as text."""
    with open_tsv(path, first) as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def read_figure(path: Path) -> bytes:
    """An SVG file, checked to be complete."""
    svg = path.read_bytes()
    with reraise_as_damaged(path, ElementTree.ParseError):
        ElementTree.fromstring(svg)
    return svg


def by_level(comparison: Iterable[Mapping[str, str]]) -> dict[str, list[Mapping[str, str]]]:
    """The rows of the comparison by level, with contigs first."""
    levels: dict[str, list[Mapping[str, str]]] = {"contig": [], "window": [], "frame": []}
    for row in comparison:
        levels[row["level"]].append(row)
    return {level: rows for level, rows in levels.items() if rows}
