"""A sample's sequences as indexed bgzip, and the table of its contigs."""

import csv
import hashlib
import struct
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import pandas as pd
from Bio.bgzf import BgzfBlocks, BgzfWriter
from pyfaidx import Faidx

from seqloom.progress import Progress
from seqloom.seqs.reading import Record

COLUMNS = ("contig", "header", "length", "gc", "n_fraction", "sha256", "status", "reason")
_LINE = 80
_LEVEL = 2  # 10 times as fast as zlib's own choice, 6, and 8 % larger
_PIECE = 800 * _LINE
# As bgzip has it. In blocks of 65536 bytes, BgzfWriter's own, pyfaidx cannot find the first letter.
_BLOCK = 0xFF00


def write_sample(
    records: Iterable[Record], molecule: str, genome: Path, fai: Path, gzi: Path, table: Path
) -> tuple[int, int]:
    """Write the four files of a sample in one pass; return the numbers of contigs and of bases."""
    contigs = bases = offset = filled = 0
    with (
        open(fai, "w") as index,
        open(table, "w") as rows,
        BgzfWriter(str(genome), compresslevel=_LEVEL) as bgzip,
        Progress("index", None, "letters") as progress,
    ):
        print(*COLUMNS, sep="\t", file=rows)
        for record in records:
            title, length = f">{record.name}\n".encode(), len(record.sequence)
            width = min(length, _LINE)
            cells = (record.name, length, offset + len(title), width, width + bool(width))
            print(*cells, sep="\t", file=index)
            print(*contig_row(record, molecule), sep="\t", file=rows)
            for text in chain([title], _wrapped(record.sequence)):
                if filled + len(text) > _BLOCK:
                    bgzip.flush()
                    filled = 0
                bgzip.write(text)
                filled += len(text)
                offset += len(text)
            contigs += 1
            bases += length
            progress.advance(length)
    _write_gzi(genome, gzi)
    return contigs, bases


def _wrapped(sequence: bytes) -> Iterator[bytes]:
    for first in range(0, len(sequence), _PIECE):
        piece = sequence[first : first + _PIECE]
        yield b"".join(piece[i : i + _LINE] + b"\n" for i in range(0, len(piece), _LINE))


def _write_gzi(genome: Path, gzi: Path) -> None:
    """Write where blocks begin, compressed and not, but for the first and the empty last one."""
    with open(genome, "rb") as file:
        begins = [(block, text) for block, _, text, size in BgzfBlocks(file) if size][1:]
    gzi.write_bytes(
        struct.pack("<Q", len(begins)) + b"".join(struct.pack("<QQ", *b) for b in begins)
    )


def contig_row(record: Record, molecule: str) -> tuple[str | int, ...]:
    """What contigs.tsv says about a record."""
    sequence, length = record.sequence, len(record.sequence)
    gc = ""
    if molecule == "dna":
        g_and_c = sequence.count(b"G") + sequence.count(b"C")
        clear = g_and_c + sequence.count(b"A") + sequence.count(b"T")
        if clear:
            gc = f"{g_and_c / clear:.4f}"
    else:
        clear = length - sequence.count(b"X")
    if not length:
        status, reason = "empty", "no sequence"
    elif not clear:
        status, reason = "all_ambiguous", "no A, C, G or T" if molecule == "dna" else "only X"
    else:
        status, reason = "ok", ""
    unclear = f"{(length - clear) / length:.4f}" if length else ""
    checksum = hashlib.sha256(sequence).hexdigest()
    return record.name, record.header, length, gc, unclear, checksum, status, reason


def read_contigs(path: str | Path) -> pd.DataFrame:
    """contigs.tsv; a contig may be called NA, 007 or 1e5."""
    texts = ("contig", "header", "sha256", "status", "reason")
    return pd.read_csv(
        path,
        sep="\t",
        quoting=csv.QUOTE_NONE,
        dtype=dict.fromkeys(texts, "str"),
        keep_default_na=False,
        na_values={"gc": [""], "n_fraction": [""]},
    )


def open_genome(path: str | Path) -> Faidx:
    """A genome to fetch regions from: `fetch(name, first, last)`, 1-based and closed, as str."""
    # Copying may leave the index older than the genome: that is no reason to write it anew.
    return Faidx(str(path), as_raw=True, rebuild=False)
