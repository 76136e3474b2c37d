"""Writing bgzip: gzip in blocks, so that a region is read without the text before it."""

import contextlib
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from isal import isal_zlib

# The block size of the bgzip program; with 65536 bytes pyfaidx does not find the blocks.
BLOCK = 0xFF00
LINE = 80  # letters per line of a stored genome
_LEVEL = 3  # of isal: the lower ones now and then give other bytes (DECISIONS)
END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")  # an empty block
_HEADER = struct.Struct("<4BI2BH2B2H")
_TRAILER = struct.Struct("<2I")


@contextlib.contextmanager
def bgzip(path: str | Path, gzi: str | Path | None = None) -> Iterator[Callable[[bytes], None]]:
    """Yield a function that writes to `path`; `gzi` gets an index of the blocks."""
    buffer, sizes = bytearray(), []
    with open(path, "wb") as file:

        def write(text: bytes) -> None:
            buffer.extend(text)
            while len(buffer) >= BLOCK:
                sizes.append((_write_block(file, bytes(buffer[:BLOCK])), BLOCK))
                del buffer[:BLOCK]

        yield write
        if buffer:
            sizes.append((_write_block(file, bytes(buffer)), len(buffer)))
        file.write(END)
    if gzi:
        # Compressed and decompressed offsets of the blocks; the first, at 0, is not listed.
        begins = np.cumsum(sizes[:-1], axis=0, dtype="<u8")
        Path(gzi).write_bytes(struct.pack("<Q", len(begins)) + begins.tobytes())


def _write_block(file: BinaryIO, text: bytes) -> int:
    """Write a block and return its compressed size."""
    packed = isal_zlib.compress(text, _LEVEL, wbits=-15)
    size = _HEADER.size + len(packed) + _TRAILER.size
    # A gzip header with one extra field, BC: the size of the block less one.
    file.write(_HEADER.pack(31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, size - 1))
    file.write(packed)
    file.write(_TRAILER.pack(isal_zlib.crc32(text), len(text)))
    return size
