#!/usr/bin/env python3
"""Embed the sequences of a shard with one model: one row per record, in order."""

import argparse
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from seqloom.cli import parser, run
from seqloom.embedding.engine import embed, tokenize
from seqloom.embedding.goldens import check_goldens_once
from seqloom.embedding.loading import describe, libraries, load_encoder, open_model
from seqloom.embedding.resume import Work, remove_kept, try_again_when_stopped
from seqloom.embedding.speed import speed
from seqloom.errors import InputError
from seqloom.files.atomic import atomic
from seqloom.files.progress import Times
from seqloom.files.provenance import as_strings, provenance
from seqloom.files.tables import read_table_metadata
from seqloom.files.tensors import write_tensors
from seqloom.seqs.shards import read_records

log = logging.getLogger(__name__)

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
    options.add_argument(
        "--too-long",
        choices=["refuse", "split"],
        default="refuse",
        help="what the model cannot read whole; split: in overlapping pieces",
    )
    options.add_argument(
        "--failures",
        choices=["stop", "skip"],
        default="stop",
        help="what cannot be embedded; skip: its row is NaN and the metadata say why",
    )
    options.add_argument("--weights-sha256", help="of a classifier's training; others are refused")
    options.add_argument(
        "--residues", action="store_true", help="a row for each residue, not for each record"
    )
    options.add_argument("--threads", type=int, default=1)
    options.add_argument(
        "--work", type=Path, help="folder for progress, from which a stopped job goes on"
    )
    options.add_argument("--out", type=Path, required=True, help="safetensors to write")
    return options


def check_weights(description: Mapping[str, Any], expected: str | None) -> None:
    """Raise an error if a model is not the one that a classifier was trained on."""
    found = description["weights_sha256"]
    if expected not in (None, found):
        name = description["backend"]
        raise InputError(
            f"{name}: the weights in models/ have SHA-256 {found}, but the classifier was trained "
            f"on {expected}; name a folder that has those: `models: {{{name}: {{local: FOLDER}}}}`"
        )


def main(args: argparse.Namespace) -> None:
    if args.work:
        try_again_when_stopped()
    times = Times()
    settings = {key: getattr(args, key) for key in ("store", "too_long", "failures", "residues")}
    reader = open_model(args.model, args.threads)
    check_weights(reader.description, args.weights_sha256)
    fasta = args.shard.with_suffix(SEQUENCES[reader.description["molecule"]])
    shard = read_table_metadata(args.shard.with_suffix(".parquet"))
    ids, sequences = read_records(fasta)
    with ThreadPoolExecutor(1) as thread:
        tokenizing = thread.submit(times.timed, "tokenize", tokenize, reader, sequences)
        model = times.timed("load", load_encoder, reader, args.dtype, args.threads)
        times.timed("self-test", check_goldens_once, model)
        tokens = tokenizing.result()
    made_from = {
        **describe(model),
        **{key: shard[key] for key in ("sample", "cut", "cut_settings", "shard")},
        "shard_sha256": shard[f"{fasta.suffix[1:]}_sha256"],
        "provenance": provenance(
            "embed",
            inputs={"shard": fasta, "model": args.model / "model.json"},
            settings=settings | {"dtype": model.dtype},
            packages=("torch", "tokenizers", "safetensors", *libraries(reader)),
        ),
    }
    work = Work(args.work, made_from) if args.work else None
    options = settings | {"work": work, "tokens": tokens}
    embedded = times.timed("embed", embed, model, ids, sequences, **options)
    metadata = made_from | {
        "rows": len(ids),
        "split_sequences": int((embedded.pieces > 1).sum()),
        "redone": embedded.redone,
        "failures": embedded.failures,
    }
    tensors = {"pieces": embedded.pieces.astype("int32")}
    if args.residues:
        tensors |= {"residues": embedded.rows, "counts": embedded.counts.astype("int64")}
    else:
        tensors["embedding"] = embedded.rows
    with atomic(args.out) as temporary:
        times.timed("write", write_tensors, temporary, tensors, as_strings(metadata))
    if args.work:
        remove_kept(args.work)
    log.info("%s; %s", times, speed(model, embedded.tokens, times.seconds["embed"]))


if __name__ == "__main__":
    run(main, arguments())
