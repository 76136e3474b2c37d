"""Reference data of the tests: those in tests/data, and whole genomes beside the repository."""

import gzip
import json
from pathlib import Path
from typing import Any, TextIO

import pytest
from Bio import SeqIO

DATA = Path(__file__).parents[1] / "data"
SHARED = Path(__file__).parents[2].parent / "shared"


def if_shared(*values: Any) -> Any:
    """The parameters of a test that needs a whole genome of ../shared."""
    reason = "it needs the whole genomes of ../shared, which are not here"
    return pytest.param(*values, marks=pytest.mark.skipif(not SHARED.exists(), reason=reason))


def virnucpro() -> dict[str, Any]:
    """Windows and frames from the published program."""
    return json.loads((DATA / "virnucpro.json").read_text())


def dnabert_tokenizer(folder: Path) -> Path:
    """The published tokenizer of DNABERT-S, decompressed."""
    path = folder / "tokenizer.json"
    path.write_bytes(gzip.decompress((DATA / "dnabert_s_tokenizer.json.gz").read_bytes()))
    return path


def genome_file(genome: str, kind: str) -> Path:
    """The sequences (fa) or annotation (gff, gbff) of a genome; names of whole genomes have a /."""
    if "/" in genome:
        return SHARED / "data" / f"{genome}.{kind}.gz"
    return DATA / "genomes" / f"{genome}.{kind}"


def text_of(path: Path) -> TextIO:
    return gzip.open(path, "rt") if path.suffix == ".gz" else path.open()


def sequences_of(fasta: Path) -> dict[str, str]:
    """The sequences of a FASTA text by name, as written."""
    with text_of(fasta) as text:
        return {record.id: str(record.seq) for record in SeqIO.parse(text, "fasta")}


def code_of(genome: str) -> int:
    return 4 if "mycoplasm" in genome else 11
