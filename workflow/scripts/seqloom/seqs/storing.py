"""Storing a sample: its sequences as indexed bgzip, and a table of its records."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seqloom.errors import InputError
from seqloom.files.progress import Progress
from seqloom.seqs.bgzip import LINE, bgzip
from seqloom.seqs.reading import Record, Title

_NUCLEOTIDES = 100  # a piece of so many letters is no protein if all are A, C, G, T, U or N
# Shorter sequences are counted and wrapped without numpy, whose calls alone would take longer.
_SHORT = 2000
# For each set of letters, a table for `bytes.translate`: 1 for its letters, 0 for all others.
_ONES = {letters: bytes(byte in letters for byte in range(256)) for letters in (b"GC", b"AT", b"X")}
RECORD_COLUMNS = ("contig", "header", "length", "gc", "n_fraction", "status", "reason", "sha256")


@dataclass
class Composition:
    """Length, letter counts and checksum of a sequence that is read in pieces."""

    length: int = 0
    g_and_c: int = 0
    unambiguous: int = 0  # A, C, G or T; in proteins any letter but X
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def add(self, piece: bytes, molecule: str) -> None:
        self.length += len(piece)
        self.sha256.update(piece)
        if molecule == "dna":
            g_and_c = _count(piece, b"GC")
            self.g_and_c += g_and_c
            self.unambiguous += g_and_c + _count(piece, b"AT")
        else:
            self.unambiguous += len(piece) - _count(piece, b"X")


def _count(sequence: bytes, letters: bytes) -> int:
    """How many letters of a sequence are among these."""
    if len(sequence) < _SHORT:
        # The letters become bits of one number: a branch for each letter takes twice as long.
        return int.from_bytes(sequence.translate(_ONES[letters]), "little").bit_count()
    array = np.frombuffer(sequence, np.uint8)
    return sum(np.count_nonzero(array == letter) for letter in letters)


def write_sample(
    records: Iterable[Record], molecule: str, genome: Path, fai: Path, gzi: Path, table: Path
) -> tuple[int, int]:
    """Write the four files of a sample in one pass; return the numbers of contigs and of bases."""
    contigs = bases = offset = 0
    with (
        open(fai, "w", encoding="utf-8") as index,
        open(table, "w", encoding="utf-8") as rows,
        bgzip(genome, gzi) as write,
        Progress("index", None, "letters") as progress,
    ):
        rows.write(_line(RECORD_COLUMNS))
        for title, pieces in records:
            text, found, rest = f">{title.name}\n".encode(), Composition(), b""
            offset += len(text)
            for piece in pieces:
                if molecule == "protein" and _is_nucleotides(piece):
                    raise InputError(
                        f"{title.where}: this is a nucleotide sequence, not a protein; correct the "
                        "file, or the molecule of the sample"
                    )
                found.add(piece, molecule)
                progress.advance(len(piece))
                rest += piece
                if len(rest) >= _SHORT:
                    whole = len(rest) // LINE * LINE
                    write(text + wrapped(rest[:whole]))
                    text, rest = b"", rest[whole:]
            write(text + wrapped(rest))
            length = found.length
            width = min(length, LINE)
            index.write(f"{title.name}\t{length}\t{offset}\t{width}\t{width + bool(width)}\n")
            rows.write(_line(record_row(title, found, molecule)))
            offset += length + -(-length // LINE)
            contigs += 1
            bases += length
    return contigs, bases


def _line(cells: Iterable[str]) -> str:
    return "\t".join(cells) + "\n"


def _is_nucleotides(piece: bytes) -> bool:
    return len(piece) >= _NUCLEOTIDES and not piece.translate(None, b"ACGTUN")


def wrapped(letters: bytes) -> bytes:
    """Letters in lines of 80, each with a line end."""
    if len(letters) < _SHORT:
        # The range goes one line further, so that the last line gets a line end too.
        return b"\n".join([letters[i : i + LINE] for i in range(0, len(letters) + LINE, LINE)])
    whole = len(letters) // LINE
    lines = np.full((whole, LINE + 1), ord("\n"), np.uint8)
    lines[:, :LINE] = np.frombuffer(letters, np.uint8, whole * LINE).reshape(-1, LINE)
    rest = letters[whole * LINE :]
    return lines.tobytes() + (rest and rest + b"\n")


def record_row(title: Title, found: Composition, molecule: str) -> tuple[str, ...]:
    """The row of a record in the table of contigs, by RECORD_COLUMNS."""
    length, unambiguous = found.length, found.unambiguous
    gc = f"{found.g_and_c / unambiguous:.4f}" if molecule == "dna" and unambiguous else ""
    n_fraction = f"{(length - unambiguous) / length:.4f}" if length else ""
    if not length:
        status, reason = "empty", "no sequence"
    elif not unambiguous:
        status, reason = "all_ambiguous", "no A, C, G or T" if molecule == "dna" else "only X"
    else:
        status, reason = "ok", ""
    checksum = found.sha256.hexdigest()
    return title.name, title.header, str(length), gc, n_fraction, status, reason, checksum
