"""Viral regions as GFF3 and BED, and sequences as FASTA."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from seqloom.seqs.bgzip import bgzip
from seqloom.seqs.genome import Genome
from seqloom.seqs.storing import wrapped

# Characters besides letters, digits and `_.-~` that GFF3 allows in a sequence id.
_GFF3_SAFE = ":^*$@!+?|"


def write_gff3(path: Path, regions: pd.DataFrame, lengths: Mapping[str, int]) -> None:
    """Write regions as viral_sequence (SO:0001041), 1-based and closed."""
    with open(path, "w") as out:
        out.write("##gff-version 3\n")
        for contig in regions["contig"].unique():
            out.write(f"##sequence-region {_gff3(contig)} 1 {lengths[contig]}\n")
        for region in regions.itertuples():
            out.write(
                f"{_gff3(region.contig)}\tseqloom\tviral_sequence\t{region.start + 1}\t"
                f"{region.end}\t{region.score:.4f}\t.\t.\tID={_gff3(region.region)};"
                f"windows={region.windows};probability={region.probability:.4f};"
                f"edge={region.edge}\n"
            )


def write_bed(path: Path, regions: pd.DataFrame) -> None:
    """Write regions as BED6, 0-based and half-open; the score is 1000 times ours."""
    with open(path, "w") as out:
        for region in regions.itertuples():
            score = round(1000 * region.score)
            out.write(
                f"{region.contig}\t{region.start}\t{region.end}\t{region.region}\t{score}\t.\n"
            )


def write_regions_fasta(path: Path, regions: pd.DataFrame, genome: Genome) -> None:
    """Write the sequences of regions under their names, as bgzip."""
    records = zip(
        regions["region"], regions["contig"], regions["start"], regions["end"], strict=True
    )
    _write_fasta(path, genome, records)


def write_contigs_fasta(path: Path, headers: Mapping[str, str], genome: Genome) -> None:
    """Write the contigs named in `headers` with these headers, as bgzip."""
    lengths = genome.length_of
    _write_fasta(path, genome, ((h, c, 0, lengths[c]) for c, h in headers.items()))


def _write_fasta(path: Path, genome: Genome, records: Iterable[tuple[str, str, int, int]]) -> None:
    """Write records: header, contig, start, end."""
    with bgzip(path) as write:
        for header, *place in records:
            write(f">{header}\n".encode() + wrapped(genome.region(*place)))


def _gff3(name: str) -> str:
    return quote(name, safe=_GFF3_SAFE)
