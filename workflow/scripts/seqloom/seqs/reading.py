"""FASTA as people have it, read record by record and checked letter by letter."""

import lzma
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from backports.zstd import ZstdError
from isal.isal_zlib import error as IsalError
from xopen import xopen

from seqloom.errors import InputError

# IUPAC letters. A gap is not one: without it the positions would no longer be those of the file.
_LETTERS = {"dna": "ACGTURYSWKMBDHVN", "protein": "ACDEFGHIKLMNPQRSTVWYBJOUXZ*"}
_DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, IsalError, ZstdError)


@dataclass(frozen=True)
class Record:
    """One sequence: upper case, U as T in DNA, no stop at the end of a protein."""

    name: str
    header: str
    sequence: bytes
    path: str
    line: int

    @property
    def where(self) -> str:
        return f'{self.path} line {self.line}, record "{self.name}"'


def read_fasta(paths: Iterable[str], molecule: str) -> Iterator[Record]:
    """The records of all files of a sample, in order, one in memory at a time."""
    seen: dict[str, tuple[str, int]] = {}
    for path in paths:
        for record in _records(path, molecule):
            if record.name in seen:
                first, line = seen[record.name]
                raise InputError(
                    f"{record.where}: {first} line {line} has the same name; rename one of them"
                )
            seen[record.name] = record.path, record.line
            yield record


def _records(path: str, molecule: str) -> Iterator[Record]:
    letters = _LETTERS[molecule] + _LETTERS[molecule].lower()
    header, first, parts = "", 0, []
    for number, line in _lines(path):
        if line.startswith(">"):
            if header:
                yield _record(header, parts, molecule, path, first)
            # A tab would break the tables that keep the header.
            header, first, parts = line[1:].strip().replace("\t", " "), number, []
            if not header:
                raise InputError(f'{path} line {number}: nothing stands after ">"; name the record')
        elif line and not header:
            raise InputError(
                f'{path} line {number}: FASTA begins with ">", this with {line[:10]!a}; '
                "give a FASTA file"
            )
        else:
            # Stripping what is allowed leaves the first wrong letter in front: one pass, in C.
            wrong = line.strip(letters)
            if wrong:
                raise InputError(
                    f'{path} line {number}, record "{header.split()[0]}": {wrong[0]!a} is not a '
                    f"{molecule} letter; correct the file, or the molecule of the sample"
                )
            parts.append(line)
    if not header:
        raise InputError(f"{path}: there is no sequence in this file; give a FASTA file")
    yield _record(header, parts, molecule, path, first)


def _record(header: str, parts: list[str], molecule: str, path: str, line: int) -> Record:
    sequence = "".join(parts).upper().encode()
    if molecule == "dna":
        sequence = sequence.replace(b"U", b"T")
    record = Record(header.split()[0], header, sequence.rstrip(b"*"), path, line)
    if not record.name.isascii():
        raise InputError(f"{record.where}: the name has letters that are not ASCII; rename it")
    if b"*" in record.sequence:
        raise InputError(
            f"{record.where}: a stop (*) inside the protein; cut it there or remove it"
        )
    return record


def _lines(path: str) -> Iterator[tuple[int, str]]:
    """Numbered lines without line ends, whatever the compression."""
    if not Path(path).is_file():
        raise InputError(f"{path}: there is no such file; correct the sample sheet")
    number = 0
    try:
        # A handle without a name makes xopen go by the content instead of the suffix. No threads:
        # with them a truncated zst ends without an error.
        with (
            open(os.open(path, os.O_RDONLY), "rb") as raw,
            xopen(raw, "rt", threads=0, encoding="utf-8-sig", errors="replace") as text,
        ):
            for number, line in enumerate(text, start=1):
                yield number, line.strip()
    except _DAMAGED as error:
        raise InputError(
            f"{path} after line {number}: reading fails ({error}); is it cut short? copy it again"
        ) from None
