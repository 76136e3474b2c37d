#!/usr/bin/env python3
"""Embed the sequences of a shard with one model: one row per record, in order."""

import argparse
from pathlib import Path

from seqloom.cli import parser, run
from seqloom.engine import describe, embed, load_model
from seqloom.errors import InputError
from seqloom.files import atomic, sha256
from seqloom.provenance import as_strings, provenance
from seqloom.seqs.shards import read_records
from seqloom.tables import read_table_metadata
from seqloom.tensors import write_tensors

SEQUENCES = {"dna": ".fna", "protein": ".faa"}


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--model", type=Path, required=True, help="folder made by fetch_model.py")
    options.add_argument("--shard", type=Path, required=True, help="prefix of .parquet, .fna, .faa")
    options.add_argument(
        "--dtype",
        choices=["auto", "float32", "bfloat16", "float16"],
        default="auto",
        help="of the matrix products; auto: float32 on a CPU, the backend's own on a GPU",
    )
    options.add_argument("--store", choices=["float16", "float32"], default="float32")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--out", type=Path, required=True, help="safetensors to write")
    return options


def main(args: argparse.Namespace) -> None:
    model = load_model(args.model, args.dtype, args.threads)
    fasta = args.shard.with_suffix(SEQUENCES[model.description["molecule"]])
    shard = read_table_metadata(args.shard.with_suffix(".parquet"))
    checksum = sha256(fasta)
    if checksum != shard[f"{fasta.suffix[1:]}_sha256"]:
        raise InputError(f"{fasta}: does not belong to the parquet beside it; make the shard again")
    rows = embed(model, *read_records(fasta), args.store)
    metadata = {
        **describe(model),
        **{key: shard[key] for key in ("sample", "cut", "cut_settings", "shard")},
        "shard_sha256": checksum,
        "rows": len(rows),
        "provenance": provenance(
            "embed",
            inputs={"shard": fasta, "model": args.model / "model.json"},
            settings={"dtype": model.dtype, "store": args.store},
            packages=("torch", "tokenizers", "safetensors"),
        ),
    }
    with atomic(args.out) as temporary:
        write_tensors(temporary, {"embedding": rows}, as_strings(metadata))


if __name__ == "__main__":
    run(main, arguments())
