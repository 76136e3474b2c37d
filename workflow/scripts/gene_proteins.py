#!/usr/bin/env python3
"""Write the proteins of genes, one for each coding transcript, as FASTA."""

import argparse
import logging
from collections import Counter, defaultdict

from seqloom.annotate.proteins import proteins
from seqloom.cli import parser, run, without_pandas
from seqloom.files.atomic import atomic
from seqloom.seqs.gene_index import read_gene_index
from seqloom.seqs.gene_reader import read_genes
from seqloom.seqs.genome import open_genome, read_sequences

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--genes", required=True, help="GFF3, or the .json of genes.py")
    options.add_argument("--genome", required=True, help="indexed .fa.gz of the sample")
    options.add_argument("--genetic-code", type=int, default=1, help="number of the NCBI table")
    options.add_argument("--out", required=True, help=".faa")
    return options


def main(args: argparse.Namespace) -> None:
    genome = open_genome(args.genome)
    if args.genes.endswith(".json"):
        genes, _, _ = read_gene_index(args.genes)
    else:
        lengths = genome.length_of
        genes, _ = read_genes([args.genes], lengths)
    by_contig = defaultdict(list)
    for gene in genes:
        by_contig[gene.contig].append(gene)
    used: Counter[str] = Counter()
    with atomic(args.out) as temporary, open(temporary, "w") as file:
        for contig, letters in read_sequences(args.genome):
            for transcript, protein in proteins(by_contig[contig], letters, args.genetic_code):
                name = "_".join(transcript.name.split())
                used[name] += 1
                # The parts of a gene across the origin have transcripts of the same name.
                title = name if used[name] == 1 else f"{name}.{used[name]}"
                file.write(f">{title}\n{protein}\n")
    log.info("%d proteins", used.total())


if __name__ == "__main__":
    without_pandas()
    run(main, arguments())
