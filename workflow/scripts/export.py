#!/usr/bin/env python3
"""Export the embeddings or frames of a sample: numpy, torch, HDF5 or the files of VirNucPro."""

import argparse
import json
import logging
from pathlib import Path

from seqloom.cli import parser, run
from seqloom.config.labels import LABELS
from seqloom.embedding.export import (
    all_ids,
    card,
    open_shards,
    write_hdf5,
    write_identified,
    write_npy,
    write_pt,
    write_residues,
    write_uniprot,
)
from seqloom.embedding.matrices import shard_digests
from seqloom.files.atomic import atomic, atomic_all
from seqloom.files.json_files import write_json
from seqloom.files.provenance import provenance
from seqloom.files.tables import read_table_metadata

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    formats = options.add_subparsers(required=True)
    for name, export, lists, text in (
        ("npy", export_matrix, ["embeddings"], "a matrix; beside it .ids.txt and .json"),
        ("pt", export_matrix, ["embeddings"], "a tensor; beside it .ids.txt and .json"),
        ("hdf5", export_hdf5, ["embeddings"], "datasets `ids` and `embedding`"),
        ("uniprot", export_hdf5, ["embeddings"], "HDF5 with a dataset per record"),
        ("residues", export_residues, ["residues"], "HDF5 with a matrix per protein"),
        ("identified", export_identified, [], "the FASTA files of VirNucPro; OUT is a prefix"),
        ("virnucpro", export_virnucpro, ["dna", "protein", "fused"], "OUT_merged.pt and its parts"),
    ):
        command = formats.add_parser(name, help=text)
        command.set_defaults(export=export, format=name)
        command.add_argument(
            "--frames", type=Path, nargs="+", required=True, help="a table per shard"
        )
        for matrices in lists:
            command.add_argument(
                f"--{matrices}", type=Path, nargs="+", required=True, help="in the same order"
            )
        command.add_argument("--out", type=Path, required=True)
    command.add_argument("--label", choices=LABELS, help="of the sample; none if it is a query")
    return options


def main(args: argparse.Namespace) -> None:
    rows = args.export(args)
    log.info("wrote %d rows to %s", rows, args.out)


def export_matrix(args: argparse.Namespace) -> int:
    write, package = {"npy": (write_npy, "numpy"), "pt": (write_pt, "torch")}[args.format]
    shards = open_shards(args.frames, args.embeddings)
    digests = shard_digests(frames=args.frames, embeddings=args.embeddings)
    files = [args.out, args.out.with_suffix(".ids.txt"), args.out.with_suffix(".json")]
    with atomic_all(files) as (matrix, ids, card_file):
        write(matrix, ids, shards)
        write_json(card_file, card(shards, provenance("export", {}, {}, (package,), digests)))
    return len(all_ids(shards))


def export_hdf5(args: argparse.Namespace) -> int:
    write = {"hdf5": write_hdf5, "uniprot": write_uniprot}[args.format]
    shards = open_shards(args.frames, args.embeddings)
    digests = shard_digests(frames=args.frames, embeddings=args.embeddings)
    with atomic(args.out) as file:
        write(file, shards, provenance("export", {}, {}, ("h5py",), digests))
    return len(all_ids(shards))


def export_residues(args: argparse.Namespace) -> int:
    digests = shard_digests(frames=args.frames, residues=args.residues)
    with atomic(args.out) as file:
        return write_residues(
            file, args.frames, args.residues, provenance("export", {}, {}, ("h5py",), digests)
        )


def export_identified(args: argparse.Namespace) -> int:
    tables = [read_table_metadata(path) for path in args.frames]
    origin = provenance("export", {}, {}, (), shard_digests(frames=args.frames))
    description = {"sample": tables[0]["sample"], "cut": tables[0]["cut"]}
    description |= {"cut_settings": json.loads(tables[0]["cut_settings"]), "provenance": origin}
    ends = (".identified_nucleotide.fa", ".identified_protein.fa", ".identified.json")
    files = [args.out.with_name(args.out.name + end) for end in ends]
    with atomic_all(files) as (nucleotides, proteins, card_file):
        write_identified(nucleotides, proteins, args.frames)
        write_json(card_file, description)
    return sum(int(table["rows"]) for table in tables)


def export_virnucpro(args: argparse.Namespace) -> int:
    # torch takes seconds to load, and few formats need it.
    from seqloom.embedding.virnucpro import ENDS, write_virnucpro

    lists = (args.dna, args.protein, args.fused)
    dna, protein, fused = (open_shards(args.frames, paths) for paths in lists)
    digests = shard_digests(
        frames=args.frames, dna=args.dna, protein=args.protein, fused=args.fused
    )
    origin = provenance("export", {}, {"label": args.label}, ("torch",), digests)
    files = [args.out.with_name(args.out.name + end) for end in (*ENDS.values(), ".json")]
    with atomic_all(files) as (*payloads, card_file):
        write_virnucpro(payloads, dna, protein, fused, args.label)
        write_json(card_file, card(fused, origin))
    return len(all_ids(fused))


if __name__ == "__main__":
    run(main, arguments())
