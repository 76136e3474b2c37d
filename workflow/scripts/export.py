#!/usr/bin/env python3
"""Write the embeddings of a sample for other programs: numpy, HDF5, or as VirNucPro does."""

import argparse
import logging
from pathlib import Path

from seqloom.cli import add_shards, parser, run
from seqloom.export import (
    LABELS,
    all_ids,
    open_shards,
    write_hdf5,
    write_npy,
    write_virnucpro,
)
from seqloom.files import atomic, atomic_all
from seqloom.provenance import provenance

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    formats = options.add_subparsers(required=True)
    for name, export, lists, text in (
        ("npy", export_npy, ["embeddings"], "a matrix, and its ids beside it as OUT.ids.txt"),
        ("hdf5", export_hdf5, ["embeddings"], "datasets `ids` and `embedding`"),
        ("virnucpro", export_virnucpro, ["dna", "protein", "fused"], "OUT_merged.pt and its parts"),
    ):
        part = formats.add_parser(name, help=text)
        part.set_defaults(export=export)
        add_shards(part, "--frames", "shard tables; `*-of-0012` for all twelve")
        for matrices in lists:
            add_shards(part, f"--{matrices}", "as --frames")
        part.add_argument("--out", type=Path, required=True)
    part.add_argument("--label", choices=LABELS, help="of the sample; none if it is a query")
    return options


def main(args: argparse.Namespace) -> None:
    rows = args.export(args)
    log.info("wrote %d rows to %s", rows, args.out)


def export_npy(args: argparse.Namespace) -> int:
    shards = open_shards(args.frames, args.embeddings)
    with atomic_all([args.out, args.out.with_suffix(".ids.txt")]) as (matrix, ids):
        write_npy(matrix, ids, shards)
    return len(all_ids(shards))


def export_hdf5(args: argparse.Namespace) -> int:
    shards = open_shards(args.frames, args.embeddings)
    inputs = {f"embeddings {i}": path for i, path in enumerate(args.embeddings, 1)}
    with atomic(args.out) as file:
        write_hdf5(file, shards, provenance("export", inputs, {}, ("h5py",)))
    return len(all_ids(shards))


def export_virnucpro(args: argparse.Namespace) -> int:
    lists = (args.dna, args.protein, args.fused)
    dna, protein, fused = (open_shards(args.frames, paths) for paths in lists)
    names = [f"{args.out.name}_{part}.pt" for part in ("DNABERT_S", "ESM", "merged")]
    with atomic_all([args.out.with_name(name) for name in names]) as files:
        write_virnucpro(files, dna, protein, fused, args.label)
    return len(all_ids(fused))


if __name__ == "__main__":
    run(main, arguments())
