#!/usr/bin/env python3
"""Check the records of a sample, and store them as indexed bgzip with a table."""

import argparse
import logging

from seqloom.cli import parser, run
from seqloom.files.atomic import atomic_all
from seqloom.files.json_files import write_json
from seqloom.files.provenance import provenance
from seqloom.seqs.reading import read_fasta
from seqloom.seqs.storing import write_sample

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--sample", required=True)
    options.add_argument("--molecule", choices=("dna", "protein"), required=True)
    options.add_argument("--fasta", nargs="+", required=True, help="plain, gz, bz2, xz or zst")
    options.add_argument("--genome", required=True, help=".fa.gz; .fai and .gzi appear beside it")
    options.add_argument("--records", required=True, help=".tsv; a .json appears beside it")
    return options


def main(args: argparse.Namespace) -> None:
    card = args.records.removesuffix(".tsv") + ".json"
    outputs = [args.genome, f"{args.genome}.fai", f"{args.genome}.gzi", args.records, card]
    with atomic_all(outputs) as [genome, fai, gzi, table, card_file]:
        records = read_fasta(args.fasta, args.molecule)
        contigs, bases = write_sample(records, args.molecule, genome, fai, gzi, table)
        description = {
            "sample": args.sample,
            "molecule": args.molecule,
            "contigs": contigs,
            "bases": bases,
            "provenance": provenance(
                "index",
                inputs={f"fasta {i}": path for i, path in enumerate(args.fasta, start=1)},
                settings={"molecule": args.molecule},
                packages=("xopen", "isal"),
            ),
        }
        write_json(card_file, description)
    log.info("%s: %d contigs, %d letters", args.sample, contigs, bases)


if __name__ == "__main__":
    run(main, arguments())
