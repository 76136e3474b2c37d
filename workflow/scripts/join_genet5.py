#!/usr/bin/env python3
"""Join the genes that GeneT5 found in tiles of a genome, and write them in several formats."""

import argparse
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TextIO

from seqloom.annotate.gff_writer import gff3_lines
from seqloom.annotate.proteins import proteins
from seqloom.cli import parser, run, without_pandas
from seqloom.errors import InputError
from seqloom.files.atomic import atomic_all
from seqloom.files.json_files import write_json
from seqloom.files.provenance import provenance
from seqloom.genet5.formats import bed_lines, exon_records, gtf_lines, intron_records
from seqloom.genet5.joining import SHARED, TileGenes, genes_of_contig
from seqloom.genet5.piece_files import digest, read_all_pieces
from seqloom.seqs.genome import open_genome, read_sequences

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
    lengths = genome.length_of
    tiles, shared = read_all_pieces(args.pieces, lengths)
    if shared["genetic_code"] != args.genetic_code:
        raise InputError(
            f"--genetic-code {args.genetic_code}: genes were predicted by table "
            f"{shared['genetic_code']}; give that"
        )
    paths = [args.out.with_name(args.out.name + suffix) for suffix in SUFFIXES]
    with atomic_all(paths) as [*formats, card]:
        counts = write_formats(formats, args, lengths, tiles)
        made = provenance(
            "join_genet5",
            {"genome": args.genome},
            {"program": args.program, "shared": SHARED},
            digests={"pieces": {"file": "pieces", "sha256": digest(tiles)}},
        )
        write_json(card, {"program": args.program, **shared, **counts, "provenance": made})
    log.info("%(genes)d genes, %(partial)d of them partial", counts)


def write_formats(
    paths: Sequence[Path],
    args: argparse.Namespace,
    lengths: Mapping[str, int],
    tiles: Mapping[str, Sequence[TileGenes]],
) -> dict[str, int]:
    """Write the genes of one contig after the other; how many there are."""
    counts = {"genes": 0, "partial": 0}
    with ExitStack() as stack:
        files = [stack.enter_context(open(path, "w")) for path in paths]
        gff, gtf, bed, faa, exons, introns = files
        write_lines(gff, gff3_lines([], lengths, args.program, {}))
        for contig, letters in read_sequences(args.genome):
            found = genes_of_contig(contig, tiles[contig], len(letters), args.genetic_code)
            genes = [gene for gene, _ in found]
            chances = {gene.name: math.exp(score) for gene, score in found}
            # The first line is that of a file.
            write_lines(gff, islice(gff3_lines(genes, {}, args.program, chances), 1, None))
            write_lines(gtf, gtf_lines(genes, args.program, chances))
            write_lines(bed, bed_lines(genes, chances))
            translated = proteins(genes, letters, args.genetic_code)
            write_fasta(faa, ((transcript.name, protein) for transcript, protein in translated))
            write_fasta(exons, exon_records(genes, letters))
            write_fasta(introns, intron_records(genes, letters))
            counts["genes"] += len(genes)
            counts["partial"] += sum(gene.partial_left or gene.partial_right for gene in genes)
    return counts


def write_lines(file: TextIO, lines: Iterable[str]) -> None:
    file.writelines(f"{line}\n" for line in lines)


def write_fasta(file: TextIO, records: Iterable[tuple[str, str]]) -> None:
    file.writelines(f">{title}\n{letters}\n" for title, letters in records)


if __name__ == "__main__":
    without_pandas()
    run(main, arguments())
