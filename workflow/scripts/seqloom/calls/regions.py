"""Viral regions of contigs, from runs of viral windows, and their files."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from seqloom.calls.contig_calls import VIRAL_WINDOW
from seqloom.seqs.bgzip import bgzip
from seqloom.seqs.genome import Genome
from seqloom.seqs.storing import wrapped

# Characters besides letters, digits and `_.-~` that GFF3 allows in a sequence id.
_GFF3_SAFE = ":^*$@!+?|"


def viral_regions(windows: pd.DataFrame) -> pd.DataFrame:
    """Merged runs of viral windows: contig, start, end, scored windows, mean probability.

    A host window or a window that was not read ends a run; a window without a frame does not.
    """
    follows = (windows["contig"] == windows["contig"].shift()) & (
        windows["window"] == windows["window"].shift() + 1
    )
    stretch = (~follows).cumsum()
    scored = windows[windows["frames"] > 0].assign(stretch=stretch)
    is_viral = scored["probability"] > VIRAL_WINDOW
    scored["run"] = (
        (is_viral != is_viral.shift()) | (scored["stretch"] != scored["stretch"].shift())
    ).cumsum()
    return (
        scored[is_viral]
        .groupby("run")
        .agg(
            contig=("contig", "first"),
            start=("start", "min"),
            end=("end", "max"),
            windows=("window", "size"),
            probability=("probability", "mean"),
        )
        .reset_index(drop=True)
    )


def write_gff3(path: Path, regions: pd.DataFrame, lengths: Mapping[str, int]) -> None:
    """Write regions as viral_sequence (SO:0001041), 1-based and closed."""
    with open(path, "w") as out:
        out.write("##gff-version 3\n")
        for contig in regions["contig"].unique():
            out.write(f"##sequence-region {_gff3(contig)} 1 {lengths[contig]}\n")
        for number, region in enumerate(regions.itertuples(), start=1):
            out.write(
                f"{_gff3(region.contig)}\tseqloom\tviral_sequence\t{region.start + 1}\t"
                f"{region.end}\t{region.probability:.4f}\t.\t.\tID=region_{number};windows={region.windows}\n"
            )


def write_bed(path: Path, regions: pd.DataFrame) -> None:
    """Write regions as BED6, 0-based and half-open; the score is 1000 times the probability."""
    with open(path, "w") as out:
        for number, region in enumerate(regions.itertuples(), start=1):
            score = round(1000 * region.probability)
            out.write(
                f"{region.contig}\t{region.start}\t{region.end}\tregion_{number}\t{score}\t.\n"
            )


def write_viral(path: Path, genome: Genome, headers: Mapping[str, str]) -> None:
    """Write the contigs named in `headers` with these headers, as bgzip."""
    lengths = genome.length_of
    with bgzip(path) as write:
        for contig, header in headers.items():
            letters = genome.region(contig, 0, lengths[contig])
            write(f">{header}\n".encode() + wrapped(letters))


def _gff3(name: str) -> str:
    return quote(name, safe=_GFF3_SAFE)
