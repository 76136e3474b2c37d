"""Storing a sample: its sequences as indexed bgzip, and a table of its records."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seqloom.errors import InputError
from seqloom.files.progress import Progress
from seqloom.seqs.bgzip import bgzip
from seqloom.seqs.genome import LINE
from seqloom.seqs.reading import Record, Title

_NO_PROTEIN = 100  # letters; so many in a row that are all nucleotides' are
RECORD_COLUMNS = ("contig", "header", "length", "gc", "n_fraction", "status", "reason", "sha256")


@dataclass
class Composition:
    """What is counted of a sequence while it passes by."""

    length: int = 0
    g_and_c: int = 0
    clear: int = 0
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def add(self, piece: bytes, molecule: str) -> None:
        self.length += len(piece)
        self.sha256.update(piece)
        letters = np.frombuffer(piece, np.uint8)
        if molecule == "dna":
            a, c, g, t = (np.count_nonzero(letters == letter) for letter in b"ACGT")
            self.g_and_c += g + c
            self.clear += a + c + g + t
        else:
            self.clear += np.count_nonzero(letters != ord("X"))


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
        print(*RECORD_COLUMNS, sep="\t", file=rows)
        for title, pieces in records:
            text = f">{title.name}\n".encode()
            write(text)
            offset += len(text)
            found, rest = Composition(), b""
            for piece in pieces:
                if molecule == "protein" and _is_nucleotides(piece):
                    raise InputError(
                        f"{title.where}: this is a nucleotide sequence, not a protein; correct the "
                        "file, or the molecule of the sample"
                    )
                found.add(piece, molecule)
                progress.advance(len(piece))
                rest += piece
                whole = len(rest) // LINE * LINE
                write(wrapped(rest[:whole]))
                rest = rest[whole:]
            write(wrapped(rest))
            width = min(found.length, LINE)
            print(
                title.name, found.length, offset, width, width + bool(width), sep="\t", file=index
            )
            print(*record_row(title, found, molecule), sep="\t", file=rows)
            offset += found.length + -(-found.length // LINE)
            contigs += 1
            bases += found.length
    return contigs, bases


def _is_nucleotides(piece: bytes) -> bool:
    return len(piece) >= _NO_PROTEIN and not piece.translate(None, b"ACGTUN")


def wrapped(letters: bytes) -> bytes:
    """Letters in lines, each with its end."""
    whole = len(letters) // LINE
    lines = np.full((whole, LINE + 1), ord("\n"), np.uint8)
    lines[:, :LINE] = np.frombuffer(letters, np.uint8, whole * LINE).reshape(-1, LINE)
    rest = letters[whole * LINE :]
    return lines.tobytes() + (rest and rest + b"\n")


def record_row(title: Title, found: Composition, molecule: str) -> tuple[str | int, ...]:
    """What is known of a record, whatever the cut."""
    length, clear = found.length, found.clear
    gc = f"{found.g_and_c / clear:.4f}" if molecule == "dna" and clear else ""
    unclear = f"{(length - clear) / length:.4f}" if length else ""
    if not length:
        status, reason = "empty", "no sequence"
    elif not clear:
        status, reason = "all_ambiguous", "no A, C, G or T" if molecule == "dna" else "only X"
    else:
        status, reason = "ok", ""
    checksum = found.sha256.hexdigest()
    return title.name, title.header, length, gc, unclear, status, reason, checksum
