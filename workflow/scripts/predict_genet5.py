#!/usr/bin/env python3
"""Find the genes in tiles of a genome by GeneT5; join_genet5.py joins the tiles."""

import argparse
import logging
from pathlib import Path

import torch

from seqloom.annotate.rule_counts import NO_RULES
from seqloom.annotate.signals import Rules
from seqloom.cli import parser, positive, run
from seqloom.encoders.tokenizers import load_tokenizer
from seqloom.files.provenance import provenance
from seqloom.genet5.folders import load_model
from seqloom.genet5.piece_files import write_pieces
from seqloom.genet5.predicting import HEADS, genes_of_tiles
from seqloom.genet5.tiles import groups_of, groups_of_part, groups_of_ranges
from seqloom.seqs.genome import open_genome

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--model", type=Path, required=True, help="folder of init_genet5.py, ...")
    options.add_argument("--genome", type=Path, required=True, help="indexed .fa.gz of the sample")
    where = options.add_mutually_exclusive_group()
    where.add_argument("--range", nargs="+", help="chr1 or chr1:1-200000; @FILE has one a line")
    where.add_argument("--part", default="0001-of-0001", help="of the tiles of the genome")
    options.add_argument("--genetic-code", type=int, default=1, help="number of the NCBI table")
    options.add_argument("--window", type=positive, default=20_000, help="bases of a tile")
    options.add_argument("--overlap", type=int, default=5_000, help="bases of neighboring tiles")
    options.add_argument("--head", choices=HEADS, default=HEADS[0])
    options.add_argument("--rules", nargs="*", choices=list(NO_RULES), default=list(NO_RULES))
    options.add_argument("--batch", type=positive, default=16, help="tiles that are read together")
    options.add_argument("--threads", type=positive, default=1)
    options.add_argument("--out", type=Path, required=True, help=".json")
    return options


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    genome = open_genome(args.genome)
    lengths = genome.length_of
    groups = groups_of(lengths, args.window, args.overlap, args.batch)
    if args.range:
        chosen = groups_of_ranges(groups, args.range, lengths)
    else:
        chosen = groups_of_part(groups, args.part)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")  # never run on a GPU
    tiles = genes_of_tiles(
        chosen,
        genome,
        args.genetic_code,
        load_model(args.model).to(device),
        load_tokenizer(args.model / "tokenizer.json"),
        Rules(**NO_RULES | dict.fromkeys(args.rules, True)),
        args.head,
    )
    names = ("head", "genetic_code", "window", "overlap", "rules", "batch")
    settings = {name: getattr(args, name) for name in names}
    files = {"genome": args.genome, "model": args.model / "model.safetensors"}
    made = provenance(
        "predict_genet5", files, settings, ("torch", "tokenizers", "safetensors", "numpy")
    )
    card = {**settings, "model": made["inputs"]["model"]["sha256"], "provenance": made}
    write_pieces(args.out, tiles, card)


if __name__ == "__main__":
    run(main, arguments())
