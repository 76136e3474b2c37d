#!/usr/bin/env python3
"""Find the genes of a genome by another program, as GFF3 and a card of how they were found."""

import argparse
import logging
from pathlib import Path

from seqloom.annotate.baselines import augustus_prediction, pyrodigal_prediction
from seqloom.annotate.gff_writer import gff3_lines
from seqloom.cli import parser, positive, run
from seqloom.files.atomic import atomic_all
from seqloom.files.json_files import write_json
from seqloom.files.provenance import provenance
from seqloom.seqs.genome import read_sequences

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--program", choices=("pyrodigal", "augustus"), required=True)
    options.add_argument("--genome", required=True, help="indexed .fa.gz of the sample")
    options.add_argument("--genetic-code", type=int, default=1, help="number of the NCBI table")
    options.add_argument("--species", help="model of AUGUSTUS")
    options.add_argument("--threads", type=positive, default=1)
    options.add_argument("--out", type=Path, required=True, help=".gff3; its card is beside it")
    return options


def main(args: argparse.Namespace) -> None:
    contigs = list(read_sequences(args.genome))
    if args.program == "pyrodigal":
        found = pyrodigal_prediction(contigs, args.genetic_code, args.threads)
    else:
        found = augustus_prediction(contigs, args.species, args.genetic_code, args.threads)
    lengths = {name: len(sequence) for name, sequence in contigs}
    card = {
        "program": args.program,
        **found.how,
        "genes": len(found.genes),
        "provenance": provenance("predict_genes", {"genome": args.genome}, {}),
    }
    with atomic_all([args.out, args.out.with_suffix(".json")]) as [gff, json]:
        lines = gff3_lines(found.genes, lengths, args.program, found.scores)
        gff.write_text("".join(f"{line}\n" for line in lines))
        write_json(json, card)
    log.info("%d genes of %d contigs", len(found.genes), len(contigs))


if __name__ == "__main__":
    run(main, arguments())
