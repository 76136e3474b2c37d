#!/usr/bin/env python3
"""Embed the frames of a shard by the frequencies of their 4-mers: one row per record, in order."""

import argparse
from pathlib import Path

import numpy as np

from seqloom import ENGINE_VERSION
from seqloom.cli import parser, run
from seqloom.encoders.kmer import SHA256, kmer_frequencies
from seqloom.files.atomic import atomic
from seqloom.files.provenance import as_strings, provenance
from seqloom.files.tables import read_table_metadata
from seqloom.files.tensors import write_tensors
from seqloom.seqs.shards import read_records


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--backend", required=True, help="its name")
    options.add_argument("--shard", type=Path, required=True, help="prefix of .parquet, .fna")
    options.add_argument("--store", choices=["float16", "float32"], default="float32")
    options.add_argument("--out", type=Path, required=True, help="safetensors to write")
    return options


def main(args: argparse.Namespace) -> None:
    fasta = args.shard.with_suffix(".fna")
    shard = read_table_metadata(args.shard.with_suffix(".parquet"))
    _, sequences = read_records(fasta)
    metadata = {
        "backend": args.backend,
        "pooling": "mean_tokens",
        "reading": {},
        "random": False,
        "weights_sha256": SHA256,
        "config_sha256": "",
        "tokenizer_sha256": "",
        "revision": "",
        "dtype": "float32",
        "engine_version": ENGINE_VERSION,
        "device": "cpu",
        "processor": "",
        **{key: shard[key] for key in ("sample", "cut", "cut_settings", "shard")},
        "shard_sha256": shard["fna_sha256"],
        "provenance": provenance(
            "count_kmers", {"shard": fasta}, {"store": args.store}, ("numpy", "safetensors")
        ),
        "rows": len(sequences),
        "split_sequences": 0,
        "redone": {},
        "failures": {},
    }
    tensors = {"pieces": np.ones(len(sequences), "int32")}
    tensors["embedding"] = kmer_frequencies(sequences, args.store)
    with atomic(args.out) as temporary:
        write_tensors(temporary, tensors, as_strings(metadata))


if __name__ == "__main__":
    run(main, arguments())
