"""Safetensors files with checksums, without torch; equal contents give equal bytes."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from isal.isal_zlib import crc32
from safetensors import SafetensorError, safe_open

from seqloom.errors import InputError
from seqloom.files.damage import damaged, reraise_as_damaged

_DTYPES = {
    "F16": np.dtype("float16"),
    "F32": np.dtype("float32"),
    "F64": np.dtype("float64"),
    "I32": np.dtype("int32"),
    "I64": np.dtype("int64"),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_CHECKSUMS = "crc32"  # in the metadata: tensor -> the CRC-32 of each block of rows
BLOCK_ROWS = 1024


def write_tensors(
    path: str | Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Write arrays and metadata; the library would copy them and shuffle the metadata."""
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    checksums = {name: _checksums(arrays[name]) for name in sorted(arrays)}
    metadata = {**metadata, _CHECKSUMS: json.dumps(checksums)}
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    # Wide types come first, so that each array is aligned.
    names, end = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name)), 0
    for name in names:
        array, begin = tensors[name], end
        end += array.nbytes
        shape, places = list(array.shape), [begin, end]
        header[name] = {"dtype": _NAMES[array.dtype], "shape": shape, "data_offsets": places}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8
    with open(path, "wb") as handle:
        handle.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            handle.write(arrays[name].data)


def _checksums(array: np.ndarray) -> list[int]:
    rows = np.atleast_1d(array)
    return [crc32(rows[first : first + BLOCK_ROWS]) for first in range(0, len(rows), BLOCK_ROWS)]


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[safe_open]:
    with (
        reraise_as_damaged(path, SafetensorError, ValueError, KeyError),
        safe_open(path, framework="numpy") as file,
    ):
        if _CHECKSUMS not in (file.metadata() or {}):
            raise InputError(
                f"{path}: an older version wrote it without checksums; remove it and run again"
            )
        yield file


def read_metadata(path: str | Path) -> dict[str, str]:
    """The metadata of a safetensors file."""
    with _opened(path) as file:
        return file.metadata()


def read_tensor(path: str | Path, name: str) -> np.ndarray:
    """One array of a safetensors file; each block of rows is checked against its checksum."""
    with _opened(path) as file:
        array = file.get_tensor(name)
        expected = json.loads(file.metadata()[_CHECKSUMS])[name]
        pairs = zip(_checksums(array), expected, strict=True)
        wrong = [block for block, (found, written) in enumerate(pairs) if found != written]
    if wrong:
        first = wrong[0] * BLOCK_ROWS
        last = min(first + BLOCK_ROWS, len(np.atleast_1d(array))) - 1
        raise damaged(path, f"rows {first} to {last} of {name} differ from their checksum")
    return array


def read_layout(path: str | Path, name: str) -> tuple[list[int], np.dtype]:
    """Shape and type of an array, without reading it."""
    with _opened(path) as file:
        array = file.get_slice(name)
        return array.get_shape(), _DTYPES[array.get_dtype()]


@dataclass(frozen=True)
class StoredTensor:
    """An array that stays in its file."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int
    checksums: Sequence[int]

    def rows(self, rows: slice | np.ndarray) -> np.ndarray:
        """A copy of some rows, read through a mapping that ends here, and its memory with it."""
        return np.array(np.memmap(self.path, self.dtype, "r", self.offset, self.shape)[rows])

    def checked_blocks(self) -> Iterator[np.ndarray]:
        """All rows, in blocks of BLOCK_ROWS that are compared with their checksums."""
        for number, expected in enumerate(self.checksums):
            first = number * BLOCK_ROWS
            block = self.rows(slice(first, first + BLOCK_ROWS))
            if crc32(block) != expected:
                last = first + len(block) - 1
                raise damaged(self.path, f"rows {first} to {last} differ from their checksum")
            yield block


def stored_tensor(path: str | Path, name: str) -> StoredTensor:
    """Where an array lies in a safetensors file."""
    with _opened(path) as file:
        checksums = json.loads(file.metadata()[_CHECKSUMS])[name]
    shape, dtype = read_layout(path, name)
    with open(path, "rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        begin, _ = json.loads(handle.read(length))[name]["data_offsets"]
    return StoredTensor(Path(path), tuple(shape), dtype, 8 + length + begin, checksums)
