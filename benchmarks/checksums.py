#!/usr/bin/env python3
"""Speed of the checksums that a matrix could have, over the same bytes in the same run."""

import hashlib
import os
import time
import zlib
from collections.abc import Callable

from isal import isal_zlib

BYTES = 1 << 28
WAYS: dict[str, Callable[[bytes], object]] = {
    "CRC-32 of isal": isal_zlib.crc32,
    "CRC-32 of zlib": zlib.crc32,
    "SHA-256": lambda data: hashlib.sha256(data).digest(),
}


def seconds_of(function: Callable[[bytes], object], data: bytes) -> float:
    begin = time.perf_counter()
    function(data)
    return time.perf_counter() - begin


def main() -> None:
    data = os.urandom(BYTES)
    print("| checksum | GB/s, best of 3 |\n| --- | --- |")
    for name, function in WAYS.items():
        seconds = min(seconds_of(function, data) for _ in range(3))
        print(f"| {name} | {BYTES / seconds / 1e9:.1f} |")


if __name__ == "__main__":
    main()
