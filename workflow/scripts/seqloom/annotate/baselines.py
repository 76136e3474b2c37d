"""Genes as other programs find them: Pyrodigal in prokaryotes, AUGUSTUS in eukaryotes."""

import re
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pyrodigal

from seqloom.annotate.proteins import coding_sequence
from seqloom.annotate.signals import start_and_stop_codons
from seqloom.errors import InputError
from seqloom.seqs.gene_reader import read_genes
from seqloom.seqs.genes import Exon, Gene, Transcript

# Prodigal cannot train on less.
LEAST_TO_TRAIN = 20_000


@dataclass(frozen=True)
class Prediction:
    """Genes in the order of the genome, their scores by name, and how they were found."""

    genes: list[Gene]
    scores: dict[str, float]
    how: dict[str, str]


def pyrodigal_prediction(
    contigs: Sequence[tuple[str, str]], genetic_code: int, threads: int
) -> Prediction:
    """The coding genes of contigs (name, letters) of one prokaryote."""
    letters = [sequence for _, sequence in contigs]
    if sum(map(len, letters)) < LEAST_TO_TRAIN:
        finder = pyrodigal.GeneFinder(meta=True)
        mode = f"meta, with the genetic code of its models: under {LEAST_TO_TRAIN:,} bases"
    else:
        finder = pyrodigal.GeneFinder()
        finder.train(*letters, translation_table=genetic_code)
        mode = "trained on the genome"
    genes, scores = [], {}
    with ThreadPoolExecutor(threads) as pool:
        for (name, _), found in zip(contigs, pool.map(finder.find_genes, letters), strict=True):
            for number, one in enumerate(found, start=1):
                genes.append(_gene(f"{name}_{number}", name, one))
                scores[genes[-1].name] = one.score
    how = {"mode": mode, "genetic_code": str(genetic_code), "version": pyrodigal.__version__}
    return Prediction(genes, scores, how)


def _gene(name: str, contig: str, found: pyrodigal.Gene) -> Gene:
    # One that goes on beyond its contig begins there with a whole codon.
    exon = Exon(found.begin - 1, found.end, phase=0)
    return Gene(
        name,
        contig,
        "+" if found.strand > 0 else "-",
        "CDS",
        (Transcript(f"{name}.t1", (exon,)),),
        found.translation_table,
        found.partial_begin,
        found.partial_end,
    )


def augustus_prediction(
    contigs: Sequence[tuple[str, str]], species: str, genetic_code: int, threads: int
) -> Prediction:
    """The coding genes of contigs (name, letters) by a model of AUGUSTUS, which must be installed.

    It runs once for each contig, as many at a time as there are threads.
    """
    with TemporaryDirectory() as folder, ThreadPoolExecutor(threads) as pool:
        paths = [Path(folder, f"{number}.gff3") for number in range(len(contigs))]
        list(pool.map(lambda path, contig: _run_augustus(path, contig[1], species), paths, contigs))
        genes = []
        for path, (name, sequence) in zip(paths, contigs, strict=True):
            # Without a gene the file names no contig.
            found, _ = read_genes([str(path)], {path.stem: len(sequence)})
            for number, gene in enumerate(found, start=1):
                named = replace(gene, name=f"{name}_{number}", contig=name)
                genes.append(_with_cuts(named, sequence, genetic_code))
    said = subprocess.run(["augustus", "--version"], capture_output=True, text=True)
    version = re.search(r"\((.*?)\)", said.stdout + said.stderr)
    how = {"model": species, "version": version[1] if version else "unknown"}
    return Prediction(genes, {}, how)


def _run_augustus(path: Path, sequence: str, species: str) -> None:
    """Write the GFF3 of a contig, named by the number that the path has."""
    fasta = path.with_suffix(".fa")
    fasta.write_text(f">{path.stem}\n{sequence}\n")
    options = f"--species={species}", "--gff3=on", "--stopCodonExcludedFromCDS=false"
    done = subprocess.run(
        ["augustus", *options, f"--outfile={path}", str(fasta)], capture_output=True, text=True
    )
    if done.returncode:
        why = (done.stderr or done.stdout).strip().splitlines() or ["it says nothing"]
        raise InputError(f"augustus --species={species}: {why[-1]}; correct augustus_species")


def _with_cuts(gene: Gene, contig: str, genetic_code: int) -> Gene:
    """The gene, marked on each side where it has neither a start nor a stop codon."""
    transcripts = tuple(
        replace(transcript, name=f"{gene.name}.t{number}")
        for number, transcript in enumerate(gene.transcripts, start=1)
    )
    coding = coding_sequence(gene.canonical, gene.strand, contig).upper()
    starts, stops = start_and_stop_codons(genetic_code)
    no_ends = coding[:3] not in starts, coding[-3:] not in stops
    is_left, is_right = no_ends if gene.strand == "+" else no_ends[::-1]
    return replace(gene, transcripts=transcripts, partial_left=is_left, partial_right=is_right)
