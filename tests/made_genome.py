"""A made-up annotated genome for tests: genes of several exons on both strands, and runs of N."""

import gzip
import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from seqloom.annotate.gff_writer import gff3_lines
from seqloom.seqs.genes import Exon, Gene, Transcript


def made_exons(start: int, strand: str, count: int, draw: random.Random) -> tuple[Exon, ...]:
    """Exons of whole codons in all, with the phases that follow."""
    sizes = [draw.randint(40, 400) for _ in range(count)]
    sizes[-1] += -sum(sizes) % 3
    spans, place = [], start
    for size in sizes:
        spans.append((place, place + size))
        place += size + draw.randint(60, 900)
    exons, read = [], 0
    for first, last in spans if strand == "+" else spans[::-1]:
        exons.append(Exon(first, last, -read % 3))
        read += last - first
    return tuple(sorted(exons))


def made_genes(contig: str, length: int, draw: random.Random) -> list[Gene]:
    genes, start = [], draw.randint(0, 300)
    while True:
        strand = draw.choice("+-")
        exons = made_exons(start, strand, draw.choice([1, 1, 2, 6]), draw)
        if exons[-1].end > length:
            return genes
        name = f"{contig}.g{len(genes)}"
        genes.append(Gene(name, contig, strand, "CDS", (Transcript(f"{name}.t", exons),)))
        start = exons[-1].end + draw.choice([20, 200, 5000])


def write_species(folder: Path, seed: int, lengths: dict[str, int]) -> dict[str, str]:
    """Write fna.gz and gff.gz of a species; its sequences by contig."""
    draw = random.Random(seed)
    sequences, genes = {}, []
    for contig, length in lengths.items():
        own = made_genes(contig, length, draw) if length else []
        letters = bytearray("".join(draw.choices("ACGT", k=length)), "ascii")
        for before, after in pairwise(own):
            if after.start - before.end > 4500:  # a run of N that fills a window
                letters[before.end + 50 : after.start - 50] = b"N" * (
                    after.start - before.end - 100
                )
        sequences[contig] = letters.decode()
        genes += own
    write_genome(folder, sequences, genes)
    return sequences


def write_genome(folder: Path, sequences: dict[str, str], genes: Sequence[Gene]) -> None:
    folder.mkdir(parents=True)
    fasta = "".join(f">{name} made up\n{letters}\n" for name, letters in sequences.items())
    lengths = {name: len(letters) for name, letters in sequences.items()}
    lines = gff3_lines(genes, lengths, "made", {})
    for name, text in (("fna.gz", fasta), ("gff.gz", "".join(f"{line}\n" for line in lines))):
        (folder / name).write_bytes(gzip.compress(text.encode(), mtime=0))
