"""The sample sheet, checked and completed with defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
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
    """A row of the sheet; its files are looked for when they are asked for."""

    name: str
    where: str
    fasta_cell: str
    molecule: str
    label: str | None
    category: str | None
    annotation_cell: str | None
    groups: str | None
    genetic_code: int
    max_frames: int | None
    bases_cell: int | None
    downloads: Mapping[str, Download] = field(repr=False)

    @property
    def is_query(self) -> bool:
        return self.molecule == "dna" and self.label is None

    @property
    def fasta(self) -> tuple[str, ...]:
        return tuple(self._sizes)

    @cached_property
    def annotation(self) -> tuple[str, ...]:
        cell = self.annotation_cell or ""
        return tuple(files_of_cell(cell, ANNOTATION, self.downloads, self.where))

    @cached_property
    def bases(self) -> int:
        """As the sheet says, or estimated from the sizes of the files."""
        return self.bases_cell or sum(
            _estimated_bases(path, size, self.where) for path, size in self._sizes.items()
        )

    @cached_property
    def _sizes(self) -> dict[str, int | None]:
        """The bytes of each FASTA file, None if unknown."""
        sizes = files_of_cell(self.fasta_cell, FASTA, self.downloads, self.where)
        if not sizes:
            raise InputError(f"{self.where}: fasta names no file; give one")
        return sizes

    def check_files(self) -> None:
        """Look for all files; the first that is missing is raised as an InputError."""
        _ = self.fasta, self.annotation, self.bases
        if self.groups:
            size_of_file(self.groups, self.downloads, self.where)


def read_sheet(
    path: str, downloads: Mapping[str, Download], check_files: bool = True
) -> dict[str, Sample]:
    """The samples by name, in the order of the sheet."""
    if problem := file_problem(path):
        raise InputError(f"{path}: the sample sheet {problem} (`samples` in the config)")
    schema = read_schema("samples")
    samples: dict[str, Sample] = {}
    first: dict[str, tuple[str, int]] = {}
    for number, row in read_rows(path, schema["required"], list(schema["properties"])):
        sample = _sample(row, schema, f"{path} line {number}", downloads)
        if check_files:
            sample.check_files()
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


def query_sample(name: str, fasta: str) -> Sample:
    """A sample of contigs to call, without a sheet; `fasta` is as in a cell of one."""
    return _sample({"sample": name, "fasta": fasta}, read_schema("samples"), "config: contigs", {})


def species_folders(folder: str, codes: Mapping[str, int]) -> dict[str, Sample]:
    """A sample for each folder of fna.gz and gff.gz; `codes` are genetic codes by name."""
    samples = {}
    for path in sorted(Path(folder).glob("*/fna.gz")):
        name = path.parent.name
        row = {"sample": name, "fasta": str(path), "annotation": str(path.with_name("gff.gz"))}
        row["genetic_code"] = str(codes.get(name, 1))
        samples[name] = _sample(row, read_schema("samples"), folder, {})
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
    if values["groups"] and not (values["label"] or values["annotation"]):
        raise InputError(
            f"{where}: groups need a label or an annotation; fill one of these, or empty this cell"
        )
    if values["label"] and values["molecule"] == "protein":
        raise InputError(f"{where}: a protein sample cannot have a label; classifiers train on DNA")
    values["category"] = values["category"] or values["label"]
    cells = {f"{key}_cell": values.pop(key) for key in ("fasta", "annotation", "bases")}
    return Sample(name=values.pop("sample"), where=where, downloads=downloads, **cells, **values)


def _estimated_bases(path: str, size: int | None, where: str) -> int:
    if size is None:
        raise InputError(f"{where}: {path} may not exist yet; fill the column bases")
    ratio = _GZIP_RATIO if path.endswith(PACKED) else 1
    return max(1, round(size * ratio))
