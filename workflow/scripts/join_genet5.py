#!/usr/bin/env python3
"""Join the genes that GeneT5 found in tiles of a genome, and write them in several formats."""

import argparse
import hashlib
import logging
import math
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from seqloom.annotate.gff_writer import gff3_lines
from seqloom.annotate.proteins import proteins
from seqloom.cli import parser, run, without_pandas
from seqloom.errors import InputError
from seqloom.files.atomic import atomic_all
from seqloom.files.json_files import write_json
from seqloom.files.provenance import provenance
from seqloom.genet5.contig_letters import ContigLetters
from seqloom.genet5.formats import bed_lines, exon_records, gtf_lines, intron_records
from seqloom.genet5.joining import SHARED, genes_of_contig
from seqloom.genet5.piece_files import read_settings, tiles_of_contigs
from seqloom.seqs.genome import Genome, open_genome

log = logging.getLogger(__name__)

SUFFIXES = (".gff3", ".gtf", ".bed", ".proteins.faa", ".exons.fna", ".introns.fna", ".json")


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument(
        "--pieces", nargs="+", type=Path, required=True, help=".json of predict_genet5.py"
    )
    options.add_argument("--genome", type=Path, required=True, help="indexed .fa.gz of the sample")
    options.add_argument("--genetic-code", type=int, default=1, help="number of the NCBI table")
    options.add_argument("--program", required=True, help="how the prediction is called")
    options.add_argument("--out", type=Path, required=True, help="prefix of all files")
    return options


def main(args: argparse.Namespace) -> None:
    genome = open_genome(args.genome)
    shared = read_settings(args.pieces)
    if shared["genetic_code"] != args.genetic_code:
        raise InputError(
            f"--genetic-code {args.genetic_code}: genes were predicted by table "
            f"{shared['genetic_code']}; give that"
        )
    paths = [args.out.with_name(args.out.name + suffix) for suffix in SUFFIXES]
    with atomic_all(paths) as [*formats, card]:
        hashed = hashlib.sha256()
        counts = write_formats(formats, args, genome, hashed)
        made = provenance(
            "join_genet5",
            {"genome": args.genome},
            {"program": args.program, "shared": SHARED},
            digests={"pieces": {"file": "pieces", "sha256": hashed.hexdigest()}},
        )
        write_json(card, {"program": args.program, **shared, **counts, "provenance": made})
    log.info("%(genes)d genes, %(partial)d of them partial", counts)


def write_formats(
    paths: Sequence[Path], args: argparse.Namespace, genome: Genome, hashed: Any
) -> dict[str, int]:
    """Write one gene after the other; how many there are."""
    counts = {"genes": 0, "partial": 0}
    lengths = genome.length_of
    with ExitStack() as stack:
        files = [stack.enter_context(open(path, "w")) for path in paths]
        gff, gtf, bed, faa, exons, introns = files
        write_lines(gff, gff3_lines([], lengths, args.program, {}))
        write_lines(gtf, ["#gtf-version 2.2"])
        for contig, tiles in tiles_of_contigs(args.pieces, lengths, hashed):
            letters = ContigLetters(genome, contig)
            found = genes_of_contig(contig, tiles, lengths[contig], args.genetic_code)
            for gene, score in found:
                chances = {gene.name: math.exp(score)}
                # The first line is that of a file.
                write_lines(gff, islice(gff3_lines([gene], {}, args.program, chances), 1, None))
                write_lines(gtf, gtf_lines([gene], args.program, chances))
                write_lines(bed, bed_lines([gene], chances))
                translated = proteins([gene], letters, args.genetic_code)
                write_fasta(faa, ((transcript.name, protein) for transcript, protein in translated))
                write_fasta(exons, exon_records([gene], letters))
                write_fasta(introns, intron_records([gene], letters))
                counts["genes"] += 1
                counts["partial"] += gene.partial_left or gene.partial_right
    return counts


def write_lines(file: TextIO, lines: Iterable[str]) -> None:
    file.writelines(f"{line}\n" for line in lines)


def write_fasta(file: TextIO, records: Iterable[tuple[str, str]]) -> None:
    file.writelines(f">{title}\n{letters}\n" for title, letters in records)


if __name__ == "__main__":
    without_pandas()
    run(main, arguments())
