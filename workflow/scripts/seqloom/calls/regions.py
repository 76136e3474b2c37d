"""Runs of viral windows as regions on the contig, and the files that show them."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd

from seqloom.calls.contig_calls import VIRAL_WINDOW
from seqloom.seqs.bgzip import bgzip
from seqloom.seqs.genome import Genome
from seqloom.seqs.storing import wrapped

# What GFF3 allows unescaped in a sequence id, besides letters, digits and `_.-~`.
_GFF3_SAFE = ":^*$@!+?|"


def viral_regions(windows: pd.DataFrame) -> pd.DataFrame:
    """Merged runs of viral windows: contig, start, end, windows (scored), mean probability.

    A host window ends a run, and so does a stretch that was not read; a window without a frame,
    which says nothing, does not.
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
    """Regions as SO:0001041 viral_sequence, 1-based and closed."""
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
    """Regions as BED6, 0-based and half-open; the score is 1000 times the probability."""
    with open(path, "w") as out:
        for number, region in enumerate(regions.itertuples(), start=1):
            score = round(1000 * region.probability)
            out.write(
                f"{region.contig}\t{region.start}\t{region.end}\tregion_{number}\t{score}\t.\n"
            )


def write_viral(path: Path, genome: Genome, headers: Mapping[str, str]) -> None:
    """The contigs named by `headers`, under these headers, as bgzip (which carries no clock)."""
    places = {name: place for place, name in enumerate(genome.names)}
    with bgzip(path) as write:
        for contig, header in headers.items():
            place = np.array([places[contig]])
            letters = genome.fetch(place, np.array([0]), genome.lengths[place])
            write(f">{header}\n".encode() + wrapped(letters))


def _gff3(name: str) -> str:
    return quote(name, safe=_GFF3_SAFE)
