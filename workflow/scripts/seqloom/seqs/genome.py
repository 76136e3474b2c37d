"""Reading many regions of a stored genome at once."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import dnaio
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from isal import igzip, isal_zlib
from pyarrow import csv

from seqloom.files.damage import damaged, reraise_as_damaged
from seqloom.seqs.bgzip import BLOCK, END, LINE

_FAI = ("name", "length", "offset", "line", "width")
# Raised for a damaged bgzip block, which has a CRC-32.
_DAMAGE = (OSError, EOFError, isal_zlib.error)
_GAP = 1 << 16  # bytes between regions; longer gaps are skipped, not read


@dataclass(frozen=True)
class Genome:
    """A bgzip file with its two indexes: one of the contigs, one of the blocks."""

    path: str
    names: list[str]
    lengths: np.ndarray
    offsets: np.ndarray  # of the first letter of each contig in the decompressed file
    packed: np.ndarray  # where blocks begin in the compressed file
    unpacked: np.ndarray  # and in the decompressed one

    def fetch(self, contig: np.ndarray, start: np.ndarray, end: np.ndarray) -> bytes:
        """The letters of these regions, joined; the regions must be in order."""
        if not len(contig):
            return b""
        # A line end follows every 80 letters.
        first = self.offsets[contig] + start + start // LINE
        last = self.offsets[contig] + end + np.maximum(end - 1, 0) // LINE
        apart = np.flatnonzero(first[1:] - last[:-1] > _GAP) + 1
        parts = []
        for begins, ends in zip(np.split(first, apart), np.split(last, apart), strict=True):
            origin = begins[0]
            text = self._text(origin, ends[-1])
            parts += [
                text[a:b]
                for a, b in zip((begins - origin).tolist(), (ends - origin).tolist(), strict=True)
            ]
        return b"".join(parts).replace(b"\n", b"")

    def region(self, contig: str, start: int, end: int) -> bytes:
        """The letters of one region."""
        where = self._numbers[contig], start, end
        return self.fetch(*(np.array([number]) for number in where))

    @property
    def length_of(self) -> dict[str, int]:
        """The length of each contig by name, in order."""
        return dict(zip(self.names, self.lengths.tolist(), strict=True))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    def _text(self, first: int, last: int) -> bytes:
        """The bytes between two positions of the decompressed file."""
        block = np.searchsorted(self.unpacked, first, side="right") - 1
        after = np.searchsorted(self.unpacked, last)
        with open(self.path, "rb") as file:
            file.seek(self.packed[block])
            # The last block ends with the file.
            size = self.packed[after] - self.packed[block] if after < len(self.packed) else -1
            with reraise_as_damaged(self.path, *_DAMAGE):
                text = igzip.decompress(file.read(size))
        return text[first - self.unpacked[block] : last - self.unpacked[block]]


def open_genome(path: str | Path) -> Genome:
    """Open a genome that `index` wrote; its .fai and .gzi must agree with it."""
    last = _last_length(path)
    packed = _read_gzi(f"{path}.gzi")
    unpacked = np.arange(len(packed)) * BLOCK
    return Genome(str(path), *_read_fai(f"{path}.fai", unpacked[-1] + last), packed, unpacked)


def _last_length(path: str | Path) -> int:
    """Decompressed size of the last block; an error if the file does not end as bgzip."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - len(END) - 4, 0))
        length, end = file.read(4), file.read()
    if end != END:
        raise damaged(path, "the last block of bgzip is missing")
    return int.from_bytes(length, "little")


def _read_gzi(path: str) -> np.ndarray:
    """Where the blocks begin in the compressed file."""
    with reraise_as_damaged(path, ValueError):
        numbers = np.frombuffer(Path(path).read_bytes(), "<u8").astype(np.int64)
        packed, unpacked = np.append(0, numbers).reshape(-1, 2).T
    expected = np.arange(len(packed)) * BLOCK
    expected[0] = len(packed) - 1  # the number of listed blocks stands in place of the first
    if not np.array_equal(unpacked, expected):
        raise damaged(path, "it does not list the blocks of a genome")
    return packed


def _read_fai(path: str, size: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, lengths and offsets of the contigs; `size` is that of the decompressed genome."""
    with reraise_as_damaged(path, pa.ArrowInvalid):
        index = csv.read_csv(
            path,
            csv.ReadOptions(column_names=_FAI),
            csv.ParseOptions(delimiter="\t", quote_char=False),
            csv.ConvertOptions(
                column_types={"name": pa.string(), "length": pa.int64(), "offset": pa.int64()},
                include_columns=_FAI[:3],
            ),
        )
    lengths, offsets = index["length"].to_numpy(), index["offset"].to_numpy()
    titles = pc.binary_length(index["name"]).to_numpy() + len(">\n")
    begins, ends = offsets - titles, offsets + lengths + -(-lengths // LINE)
    if not np.array_equal(np.append(begins, size), np.append(0, ends)):
        raise damaged(path, "its contigs do not fill the genome")
    return index["name"].to_pylist(), lengths, offsets


def read_sequences(path: str | Path) -> Iterator[tuple[str, str]]:
    """Names and sequences of a stored genome, in order."""
    _last_length(path)
    with (
        reraise_as_damaged(path, *_DAMAGE),
        igzip.open(path) as file,
        dnaio.open(file, fileformat="fasta") as records,
    ):
        for record in records:
            yield record.id, record.sequence
