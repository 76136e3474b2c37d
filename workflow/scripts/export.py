#!/usr/bin/env python3
"""Write the embeddings of a sample for other programs: numpy, HDF5, or as VirNucPro does."""

import argparse
import logging
from pathlib import Path

from seqloom.cli import parser, run
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
    formats = options.add_subparsers(dest="format", required=True)
    npy = formats.add_parser("npy", help="a matrix OUT.npy and OUT.ids.txt beside it")
    hdf5 = formats.add_parser("hdf5", help="datasets `ids` and `embedding`")
    legacy = formats.add_parser("virnucpro", help="OUT_DNABERT_S.pt, OUT_ESM.pt, OUT_merged.pt")
    for part, lists in [
        (npy, ["embeddings"]),
        (hdf5, ["embeddings"]),
        (legacy, ["dna", "protein", "fused"]),
    ]:
        part.add_argument("--frames", nargs="+", required=True, help="frame tables, shard by shard")
        for name in lists:
            part.add_argument(
                f"--{name}", nargs="+", required=True, help="matrices, in the order of --frames"
            )
        part.add_argument("--out", type=Path, required=True)
    legacy.add_argument("--label", choices=LABELS, help="label of the sample; none to predict")
    return options


def main(args: argparse.Namespace) -> None:
    if args.format == "virnucpro":
        shards = export_virnucpro(args)
    else:
        shards = open_shards(args.frames, args.embeddings)
        if args.format == "npy":
            with atomic_all([args.out, args.out.with_suffix(".ids.txt")]) as files:
                write_npy(*files, shards)
        else:
            inputs = {Path(path).stem: path for path in args.embeddings}
            with atomic(args.out) as file:
                write_hdf5(file, shards, provenance("export", inputs, {}, ("h5py",)))
    log.info("wrote %d rows to %s", len(all_ids(shards)), args.out)


def export_virnucpro(args: argparse.Namespace) -> list:
    fused, dna, protein = (
        open_shards(args.frames, paths) for paths in (args.fused, args.dna, args.protein)
    )
    names = [f"{args.out.name}_{part}.pt" for part in ("DNABERT_S", "ESM", "merged")]
    with atomic_all([args.out.with_name(name) for name in names]) as files:
        write_virnucpro(files, dna, protein, fused, args.label)
    return fused


if __name__ == "__main__":
    run(main, arguments())
