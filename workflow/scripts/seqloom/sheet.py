"""The sample sheet: read, checked, completed with defaults."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqloom.download import Download
from seqloom.errors import InputError
from seqloom.schemas import completed, schema_of

DEMO_FOLDER = "resources/demo/"
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


def read_sheet(path: str, downloads: Mapping[str, Download]) -> dict[str, Sample]:
    """The samples by name, in the order of the sheet."""
    if not Path(path).is_file():
        raise InputError(f"{path}: the sample sheet does not exist; set `samples` in the config")
    samples: dict[str, Sample] = {}
    for number, row in sheet_rows(path):
        sample = _sample(row, f"{path} line {number}", downloads)
        if sample.name in samples:
            raise InputError(
                f'{path} line {number}: sample "{sample.name}" is listed twice; rename one'
            )
        samples[sample.name] = sample
    if not samples:
        raise InputError(f"{path}: the sample sheet has no rows; add one line per sample")
    return samples


def sheet_rows(path: str) -> Iterator[tuple[int, dict[str, str]]]:
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
    schema = schema_of("samples")
    cells = {key: _typed(text, schema["properties"].get(key, {})) for key, text in row.items()}
    values = completed({k: v for k, v in cells.items() if v != ""}, schema, where)
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
