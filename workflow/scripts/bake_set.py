#!/usr/bin/env python3
"""Complete a baked set: sums, held-out genes, the audit for leaks, tokenizer and settings."""

import argparse
import json
import logging
from pathlib import Path

import pandas as pd

from seqloom.annotate.bake_tables import added
from seqloom.annotate.codec import Codec
from seqloom.annotate.eval_genes import diverse, held_out_genes
from seqloom.annotate.leaks import leaks_table
from seqloom.annotate.stretches import read_parts
from seqloom.annotate.tokens import extended_tokenizer
from seqloom.cli import parser, positive, run
from seqloom.encoders.tokenizers import load_tokenizer
from seqloom.files.atomic import atomic_all
from seqloom.files.json_files import read_json, write_json
from seqloom.files.provenance import provenance
from seqloom.files.tables import write_tsv
from seqloom.seqs.gene_index import read_gene_index

log = logging.getLogger(__name__)

FILES = ("stats.json", "rules.tsv", "audit.tsv", "eval.json", "tokenizer.json", "bake_config.json")


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument(
        "--species", type=Path, nargs="+", required=True, help="folders of bake.py"
    )
    options.add_argument("--parts", type=Path, required=True, help=".tsv of parts.py")
    options.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json of DNABERT")
    options.add_argument("--biotypes", nargs="+", default=["CDS"])
    options.add_argument("--eval-genes", type=positive, default=200, help="most genes in eval.json")
    options.add_argument(
        "--settings", type=json.loads, default={}, help="JSON of the section annotate"
    )
    options.add_argument("--out", type=Path, required=True, help="folder")
    return options


def main(args: argparse.Namespace) -> None:
    stats = [read_json(folder / "stats.json") for folder in args.species]
    species = list(zip(args.species, stats, strict=True))
    parts = added(stats, "parts")
    shards = [folder / shard["file"] for folder, entry in species for shard in entry["shards"]]
    audit = leaks_table(shards, sum(sums["bases"] for sums in parts.values()))
    candidates = (
        gene
        for folder, entry in species
        for gene in held_out_genes(
            entry["sample"],
            read_gene_index(folder / "gene_index.json")[0],
            read_parts(args.parts, entry["sample"]),
        )
    )
    eval_genes = diverse(candidates, args.eval_genes)
    rules = pd.concat(
        pd.read_csv(folder / "rules.tsv", sep="\t", keep_default_na=False).assign(
            species=entry["sample"]
        )
        for folder, entry in species
    )
    inputs = {"parts": args.parts, "tokenizer": args.tokenizer}
    inputs |= {f"stats of {entry['sample']}": folder / "stats.json" for folder, entry in species}
    origin = {"provenance": provenance("bake_set", inputs, args.settings, ("sourmash",))}
    keys = ("genes", "left_out_genes", "oddities", "parts", "left_out_windows")
    sums = {"species": [entry["sample"] for entry in stats]} | {k: added(stats, k) for k in keys}
    tokenizer = load_tokenizer(args.tokenizer)
    codec = Codec(tuple(args.biotypes), tokenizer.get_vocab_size())
    with atomic_all([args.out / name for name in FILES]) as files:
        stats_file, rules_file, audit_file, eval_file, tokenizer_file, config_file = files
        write_json(stats_file, sums | origin)
        write_tsv(rules_file, rules[["species", *rules.columns.drop("species")]])
        write_tsv(audit_file, audit)
        write_json(eval_file, {"genes": eval_genes} | origin)
        extended_tokenizer(tokenizer, codec.tokens).save(str(tokenizer_file))
        tokens = {token: codec.first_id + n for n, token in enumerate(codec.tokens)}
        write_json(config_file, {"settings": args.settings, "tokens": tokens} | origin)
    for row in audit.to_dict("records"):
        log.info("%(part)s: %(windows)d windows, %(too_close)d too close to training", row)


if __name__ == "__main__":
    run(main, arguments())
