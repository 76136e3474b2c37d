#!/usr/bin/env python3
"""Bake an annotated species: its windows, tokenized, with their genes as targets."""

import argparse
import logging
import shutil
from collections import Counter
from pathlib import Path

from seqloom.annotate.bake_tables import left_out_by_part, sums_by_part, windows_table
from seqloom.annotate.baking import bake, species_of
from seqloom.annotate.codec import Codec
from seqloom.annotate.rule_counts import NO_RULES, RuleCounts
from seqloom.annotate.signals import Rules
from seqloom.annotate.stretches import stretches_of
from seqloom.annotate.tokens import extended_tokenizer
from seqloom.annotate.window_plan import WindowRules, planned_windows
from seqloom.cli import add_held_out_arguments, parser, positive, run, without_pandas
from seqloom.config.held_out import held_out
from seqloom.encoders.tokenizers import load_tokenizer
from seqloom.files.atomic import atomic
from seqloom.files.json_files import write_json
from seqloom.files.provenance import provenance
from seqloom.files.tables import write_arrow_tsv
from seqloom.seqs.gene_index import read_gene_index
from seqloom.seqs.genome import open_genome

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options, default = parser(__doc__), WindowRules(limit=0)
    options.add_argument("--sample", required=True)
    options.add_argument("--genome", type=Path, required=True, help=".fa.gz of index.py")
    options.add_argument("--genes", type=Path, required=True, help=".json of genes.py")
    options.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json of DNABERT")
    options.add_argument("--genetic-code", type=int, default=1, help="where no gene names one")
    options.add_argument("--window", type=positive, required=True, help="longest window in bp")
    options.add_argument("--step", type=positive, help="of sliding windows")
    options.add_argument("--empty", type=float, default=default.empty, help="per window with genes")
    options.add_argument(
        "--threshold",
        type=float,
        default=default.threshold,
        help="least share of known bases without genes",
    )
    options.add_argument("--limit", type=positive, help="most windows for training")
    options.add_argument("--biotypes", nargs="+", default=["CDS"])
    options.add_argument("--rules", nargs="*", choices=list(NO_RULES), default=list(NO_RULES))
    add_held_out_arguments(options)
    options.add_argument("--out", type=Path, required=True, help="folder")
    return options


def main(args: argparse.Namespace) -> None:
    genes, oddities, _ = read_gene_index(args.genes)
    genome = open_genome(args.genome)
    species = species_of(args.sample, genome, genes, args.biotypes, args.genetic_code)
    tokenizer = load_tokenizer(args.tokenizer)
    first_id = tokenizer.get_vocab_size()
    codec = Codec(tuple(args.biotypes), first_id)
    extended_tokenizer(tokenizer, codec.tokens)  # refuses one that cannot have them
    rules = WindowRules(args.window, args.step, args.threshold, args.empty, args.limit)
    lengths = genome.length_of
    stretches = stretches_of(lengths, held_out(vars(args)))
    windows = planned_windows(stretches, species.genes, rules, species.known)

    # A job that was killed, or one of other settings, may have left more shards.
    for shard in args.out.rglob("shard_*.tar"):
        shard.unlink()
    chosen = {rule: True for rule in args.rules}
    counts = RuleCounts(Rules(**NO_RULES | chosen))
    shards, tokens = bake(species, windows, codec, tokenizer, counts, args.out)
    settings = {
        key: value
        for key, value in vars(args).items()
        if key not in ("genome", "genes", "tokenizer", "out")
    }
    biotypes = Counter(gene.biotype for gene in genes)
    stats = {
        "sample": args.sample,
        "genes": dict(biotypes),
        "left_out_genes": {kind: n for kind, n in biotypes.items() if kind not in args.biotypes},
        "oddities": dict(sorted(oddities.items())),
        "parts": sums_by_part(tokens),
        "left_out_windows": left_out_by_part(windows),
        "shards": shards,
        "provenance": provenance(
            "bake",
            {name: getattr(args, name) for name in ("genome", "genes", "tokenizer")},
            settings,
            ("tokenizers", "numpy"),
        ),
    }
    with atomic(args.out / "windows.tsv") as file:
        write_arrow_tsv(file, windows_table(windows, tokens))
    with atomic(args.out / "rules.tsv") as file:
        write_arrow_tsv(file, counts.table())
    with atomic(args.out / "gene_index.json") as file:
        shutil.copyfile(args.genes, file)
    write_json(args.out / "stats.json", stats)
    for part, sums in stats["parts"].items():
        log.info("%s: %s", part, ", ".join(f"{count:,} {key}" for key, count in sums.items()))


if __name__ == "__main__":
    without_pandas()
    run(main, arguments())
