#!/usr/bin/env python3
"""Whether a compressor gives the same bytes in every process, and how fast it is: compression.py"""

import hashlib
import random
import subprocess
import sys
import time
import zlib
from collections import Counter

from isal import isal_zlib

BLOCK, PROCESSES = 0xFF00, 200
WAYS = {f"isal, level {level}": (isal_zlib.compress, level) for level in range(4)}
WAYS["zlib, level 1"] = (zlib.compress, 1)


def blocks() -> list[bytes]:
    """Ten megabases, as the blocks of a stored genome."""
    text = "".join(random.Random(1).choices("ACGT", k=10_000_000)).encode()
    return [text[start : start + BLOCK] for start in range(0, len(text), BLOCK)]


def outcome(way: str) -> tuple[str, int, float]:
    """The checksum and size of the compressed text, and the seconds it took."""
    compress, level = WAYS[way]
    text, start = blocks(), time.perf_counter()
    compressed = [compress(block, level, wbits=-15) for block in text]
    seconds = time.perf_counter() - start
    joined = b"".join(compressed)
    return hashlib.sha256(joined).hexdigest(), len(joined), seconds


def main() -> None:
    if len(sys.argv) > 1:
        print(*outcome(sys.argv[1]))
        return
    print("| compressor | MB/s, best | size | processes with other bytes than most |")
    print("| --- | --- | --- | --- |")
    for way in WAYS:
        command = [sys.executable, __file__, way]
        lines = [subprocess.check_output(command, text=True).split() for _ in range(PROCESSES)]
        others = PROCESSES - Counter(line[0] for line in lines).most_common(1)[0][1]
        speed = 10 / min(float(line[2]) for line in lines)
        print(f"| {way} | {speed:.0f} | {int(lines[0][1]) / 1e7:.3f} | {others} of {PROCESSES} |")


if __name__ == "__main__":
    main()
