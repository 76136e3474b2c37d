"""The sample sheet, checked and completed with defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqloom.config.schemas import read_schema, validated
from seqloom.config.sheet_files import ANNOTATION, FASTA, PACKED, files_of_cell, size_of_file
from seqloom.config.tsv import file_problem, read_rows
from seqloom.errors import InputError
from seqloom.files.downloads import Download

# Compression ratio of a gzipped genome; only the number of shards depends on it.
_GZIP_RATIO = 3.5


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


def read_sheet(path: str, downloads: Mapping[str, Download]) -> dict[str, Sample]:
    """The samples by name, in the order of the sheet."""
    if problem := file_problem(path):
        raise InputError(f"{path}: the sample sheet {problem} (`samples` in the config)")
    schema = read_schema("samples")
    samples: dict[str, Sample] = {}
    first: dict[str, tuple[str, int]] = {}
    for number, row in read_rows(path, schema["required"], list(schema["properties"])):
        sample = _sample(row, schema, f"{path} line {number}", downloads)
        # On disks that ignore case, `Lake` and `lake` would share their result files.
        name, line = first.setdefault(sample.name.lower(), (sample.name, number))
        if line != number:
            raise InputError(
                f'{path} line {number}: sample "{sample.name}" is already listed on line {line} '
                f'as "{name}"; rename one, not only in upper and lower case'
            )
        samples[sample.name] = sample
    if not samples:
        raise InputError(f"{path}: the sample sheet has no rows; add one line per sample")
    return samples


def species_folders(folder: str, codes: Mapping[str, int]) -> dict[str, Sample]:
    """A sample for each folder of fna.gz and gff.gz; `codes` are genetic codes by name."""
    samples = {}
    for path in sorted(Path(folder).glob("*/fna.gz")):
        name = path.parent.name
        row = {"sample": name, "fasta": str(path), "annotation": str(path.with_name("gff.gz"))}
        row["genetic_code"] = str(codes.get(name, 1))
        samples[name] = _sample(row, read_schema("samples"), str(path.parent), {})
    if not samples:
        raise InputError(f"{folder}: no folder in it has fna.gz (`annotate: raw` in the config)")
    return samples


def _sample(
    row: Mapping[str, str], schema: Mapping[str, Any], where: str, downloads: Mapping[str, Download]
) -> Sample:
    for column, text in row.items():
        if text.startswith(('"', "'")):
            raise InputError(f"{where}: {column}: {text} is in quotes; save the sheet without them")
    values = validated({key: text for key, text in row.items() if text}, schema, where)
    sizes = files_of_cell(values["fasta"], FASTA, downloads, where)
    if not sizes:
        raise InputError(f"{where}: fasta names no file; give one")
    values["fasta"] = tuple(sizes)
    annotation = values["annotation"] or ""
    values["annotation"] = tuple(files_of_cell(annotation, ANNOTATION, downloads, where))
    if values["groups"]:
        size_of_file(values["groups"], downloads, where)
        if not values["label"]:
            raise InputError(
                f"{where}: groups need a label; fill the cell label, or empty this one"
            )
    values["bases"] = values["bases"] or sum(
        _estimated_bases(path, size, where) for path, size in sizes.items()
    )
    if values["label"] and values["molecule"] == "protein":
        raise InputError(f"{where}: a protein sample cannot have a label; classifiers train on DNA")
    values["category"] = values["category"] or values["label"]
    return Sample(name=values.pop("sample"), **values)


def _estimated_bases(path: str, size: int | None, where: str) -> int:
    if size is None:
        raise InputError(f"{where}: {path} may not exist yet; fill the column bases")
    ratio = _GZIP_RATIO if path.endswith(PACKED) else 1
    return max(1, round(size * ratio))
