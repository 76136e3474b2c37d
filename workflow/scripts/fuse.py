#!/usr/bin/env python3
"""Join the embeddings of one shard side by side, after checking that they belong to it."""

import argparse
from pathlib import Path

from seqloom.cli import parser, run
from seqloom.embedding.fusion import fuse
from seqloom.files.atomic import atomic
from seqloom.files.provenance import as_strings, provenance
from seqloom.files.tables import read_table_metadata
from seqloom.files.tensors import write_tensors


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--fusion", required=True, help="its name")
    options.add_argument("--frames", type=Path, required=True, help="parquet of the shard")
    options.add_argument("--embeddings", type=Path, nargs="+", required=True, help="in order")
    options.add_argument("--out", type=Path, required=True, help="safetensors to write")
    return options


def main(args: argparse.Namespace) -> None:
    shard = read_table_metadata(args.frames)
    rows, backends, failures = fuse(args.frames, args.embeddings)
    metadata = {
        "fusion": args.fusion,
        "backends": backends,
        **{key: shard[key] for key in ("sample", "cut", "cut_settings", "shard", "faa_sha256")},
        "rows": len(rows),
        "failures": failures,
        "provenance": provenance(
            "fuse",
            inputs={
                "frames": args.frames,
                **{b["backend"]: file for b, file in zip(backends, args.embeddings, strict=True)},
            },
            settings={"fusion": args.fusion},
            packages=("safetensors",),
        ),
    }
    with atomic(args.out) as temporary:
        write_tensors(temporary, {"embedding": rows}, as_strings(metadata))


if __name__ == "__main__":
    run(main, arguments())
