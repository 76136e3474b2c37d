#!/usr/bin/env python3
"""How long the export of a protein set takes, format by format, and how large the files are."""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch  # noqa: F401  its import shall not count

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from seqloom.embedding.export import Shard, write_hdf5, write_npy, write_pt, write_uniprot


@dataclass(frozen=True)
class InMemory(Shard):
    rows: np.ndarray

    def read(self) -> np.ndarray:
        return self.rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--proteins", type=int, default=50_000)
    parser.add_argument("--columns", type=int, default=1024)
    args = parser.parse_args()
    rows = np.random.default_rng(1).normal(size=(args.proteins, args.columns)).astype("float16")
    ids = [f"P{number:06d}" for number in range(len(rows))]
    shards = [InMemory("", ids, {}, args.columns, rows.dtype, rows)]
    print(f"{args.proteins} proteins, {args.columns} columns, float16\n")
    print("| format | s | file / matrix |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        file, listed = Path(folder, "x"), Path(folder, "ids")
        for name, write in (
            ("npy", lambda: write_npy(file, listed, shards)),
            ("pt", lambda: write_pt(file, listed, shards)),
            ("hdf5", lambda: write_hdf5(file, shards, {})),
            ("uniprot", lambda: write_uniprot(file, shards, {})),
        ):
            start = time.perf_counter()
            write()
            seconds = time.perf_counter() - start
            print(f"| {name} | {seconds:.1f} | {file.stat().st_size / rows.nbytes:.2f} |")


if __name__ == "__main__":
    main()
