"""A sample's sequences as indexed bgzip, and the table of its contigs."""

import csv
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from pyfaidx import Faidx

from seqloom.progress import Progress
from seqloom.seqs.bgzip import bgzip
from seqloom.seqs.reading import Record, Title

RECORD_COLUMNS = ("contig", "header", "length", "gc", "n_fraction", "status", "reason", "sha256")
_LINE = 80


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
        open(fai, "w") as index,
        open(table, "w") as rows,
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
                found.add(piece, molecule)
                progress.advance(len(piece))
                rest += piece
                whole = len(rest) // _LINE * _LINE
                write(_lines(rest[:whole]))
                rest = rest[whole:]
            if rest:
                write(rest + b"\n")
            width = min(found.length, _LINE)
            print(
                title.name, found.length, offset, width, width + bool(width), sep="\t", file=index
            )
            print(*record_row(title, found, molecule), sep="\t", file=rows)
            offset += found.length + -(-found.length // _LINE)
            contigs += 1
            bases += found.length
    return contigs, bases


def _lines(letters: bytes) -> bytes:
    """Whole lines, each with its end."""
    lines = np.full((len(letters) // _LINE, _LINE + 1), ord("\n"), np.uint8)
    lines[:, :_LINE] = np.frombuffer(letters, np.uint8).reshape(-1, _LINE)
    return lines.tobytes()


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


def read_contigs(path: str | Path) -> pd.DataFrame:
    """A table of contigs; a contig may be called NA, 007 or 1e5."""
    texts = ("contig", "header", "sha256", "status", "reason")
    return pd.read_csv(
        path,
        sep="\t",
        quoting=csv.QUOTE_NONE,
        dtype=dict.fromkeys(texts, "str"),
        keep_default_na=False,
        na_values={"gc": [""], "n_fraction": [""]},
    )


def write_contigs(path: str | Path, contigs: pd.DataFrame) -> None:
    """Write what `read_contigs` reads."""
    contigs.to_csv(
        path,
        sep="\t",
        index=False,
        float_format="%.4f",
        quoting=csv.QUOTE_NONE,
        lineterminator="\n",
    )


def open_genome(path: str | Path) -> Faidx:
    """A genome to fetch regions from: `fetch(name, first, last)`, 1-based and closed, as str."""
    # Copying may leave the index older than the genome: that is no reason to write it anew.
    return Faidx(str(path), as_raw=True, rebuild=False)
