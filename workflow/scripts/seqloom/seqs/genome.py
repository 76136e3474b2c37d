"""Reading regions of a stored genome, many at once, at the speed of decompression."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from isal import igzip
from pyarrow import csv

LINE = 80  # letters, as the genome is stored
_FAI = ("name", "length", "offset", "line", "width")
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
            text = igzip.decompress(file.read(size))
        return text[first - self.unpacked[block] : last - self.unpacked[block]]


def open_genome(path: str | Path) -> Genome:
    """The genome of `index`, found by the .fai and the .gzi beside it."""
    index = csv.read_csv(
        f"{path}.fai",
        csv.ReadOptions(column_names=_FAI),
        csv.ParseOptions(delimiter="\t", quote_char=False),
        csv.ConvertOptions(column_types={"name": "string"}, include_columns=_FAI[:3]),
    )
    blocks = np.fromfile(f"{path}.gzi", "<u8")[1:].reshape(-1, 2).astype(np.int64)
    packed, unpacked = np.concatenate([[[0, 0]], blocks]).T
    return Genome(
        str(path),
        index["name"].to_pylist(),
        index["length"].to_numpy(),
        index["offset"].to_numpy(),
        packed,
        unpacked,
    )
