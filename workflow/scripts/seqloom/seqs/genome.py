"""Reading regions of a stored genome, many at once, at the speed of decompression."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dnaio
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from isal import igzip, isal_zlib
from pyarrow import csv

from seqloom.files.damage import damaged, reraise_as_damaged
from seqloom.seqs.bgzip import BLOCK, END

LINE = 80  # letters, as the genome is stored
_FAI = ("name", "length", "offset", "line", "width")
# What a damaged block of bgzip raises: each has a CRC-32.
_DAMAGE = (OSError, EOFError, isal_zlib.error)
_GAP = 1 << 16  # of bytes; what lies between regions further apart is not read


@dataclass(frozen=True)
class Genome:
    """A bgzip file with its two indexes: the contigs, and where its blocks begin."""

    path: str
    names: list[str]
    lengths: np.ndarray
    offsets: np.ndarray  # of the first letter of each contig, unpacked
    packed: np.ndarray  # where blocks begin
    unpacked: np.ndarray

    def fetch(self, contig: np.ndarray, start: np.ndarray, end: np.ndarray) -> bytes:
        """The letters of these regions, one after the other; they must be in order."""
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

    def _text(self, first: int, last: int) -> bytes:
        """What lies between two places in the unpacked file."""
        block = np.searchsorted(self.unpacked, first, side="right") - 1
        beyond = np.searchsorted(self.unpacked, last)
        with open(self.path, "rb") as file:
            file.seek(self.packed[block])
            # The last block ends with the file.
            size = self.packed[beyond] - self.packed[block] if beyond < len(self.packed) else -1
            with reraise_as_damaged(self.path, *_DAMAGE):
                text = igzip.decompress(file.read(size))
        return text[first - self.unpacked[block] : last - self.unpacked[block]]


def open_genome(path: str | Path) -> Genome:
    """The genome of `index`, found by the .fai and the .gzi beside it; the three must agree."""
    last = _last_length(path)
    packed = _read_gzi(f"{path}.gzi")
    unpacked = np.arange(len(packed)) * BLOCK
    return Genome(str(path), *_read_fai(f"{path}.fai", unpacked[-1] + last), packed, unpacked)


def _last_length(path: str | Path) -> int:
    """How many bytes the last block unpacks to; an error if the genome does not end as bgzip."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - len(END) - 4, 0))
        length, end = file.read(4), file.read()
    if end != END:
        raise damaged(path, "the last block of bgzip is missing")
    return int.from_bytes(length, "little")


def _read_gzi(path: str) -> np.ndarray:
    """Where the blocks begin in the packed file."""
    with reraise_as_damaged(path, ValueError):
        numbers = np.frombuffer(Path(path).read_bytes(), "<u8").astype(np.int64)
        packed, unpacked = np.append(0, numbers).reshape(-1, 2).T
    expected = np.arange(len(packed)) * BLOCK
    expected[0] = len(packed) - 1  # the first is not listed: in its place is how many are
    if not np.array_equal(unpacked, expected):
        raise damaged(path, "it does not list the blocks of a genome")
    return packed


def _read_fai(path: str, size: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, lengths and offsets of the contigs of a genome of `size` bytes, unpacked."""
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
    """Names and sequences of a stored genome, one after the other."""
    _last_length(path)
    with (
        reraise_as_damaged(path, *_DAMAGE),
        igzip.open(path) as file,
        dnaio.open(file, fileformat="fasta") as records,
    ):
        for record in records:
            yield record.id, record.sequence
