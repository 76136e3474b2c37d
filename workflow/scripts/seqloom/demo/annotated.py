"""Annotated genomes from a seed, one like a bacterium and one like a yeast, for finding genes.

Codons have a bias, genes of the bacterium a ribosome binding site and neighbors on the same strand,
introns of the yeast the signals of yeast; what lies between genes is richer in A and T.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from Bio.Data.CodonTable import unambiguous_dna_by_id
from Bio.Seq import reverse_complement

from seqloom.demo.simulate import Blueprint, Codon, Gene, codon_usage, lay_out

_BIAS = 0.7  # of codons and of amino acids, the sigma of a log-normal distribution
_RBS = "AGGAGG"
_RUN = 6  # genes on one strand in a row, on average
_SHORTEST_GENE, _LONGEST_GENE = 40, 1500  # codons


@dataclass(frozen=True)
class Species:
    """The properties of a genome."""

    name: str
    genetic_code: int
    contigs: int
    genes: int  # per contig
    gc: float  # of coding sequences
    gc_between: float
    codons: tuple[float, float]  # of a gene: mean and sigma of a log-normal distribution
    spacers: tuple[tuple[int, int], ...]  # bases between genes, one of these ranges at random
    starts: dict[str, float]  # share of each start codon
    rbs: float  # share of genes with a ribosome binding site
    introns: Sequence[float]  # share of genes with none, one, two ...
    is_circular: bool


BACTERIUM = Species(
    "bacterium",
    genetic_code=11,
    contigs=1,
    genes=380,
    gc=0.46,
    gc_between=0.33,
    codons=(5.55, 0.5),
    spacers=((40, 60), (80, 260)),
    starts={"ATG": 0.83, "GTG": 0.13, "TTG": 0.04},
    rbs=0.8,
    introns=(1.0,),
    is_circular=True,
)
YEAST = Species(
    "yeast",
    genetic_code=1,
    contigs=3,
    genes=36,
    gc=0.41,
    gc_between=0.34,
    codons=(5.7, 0.5),
    spacers=((200, 700),),
    starts={"ATG": 1.0},
    rbs=0.0,
    introns=(0.6, 0.3, 0.1),
    is_circular=False,
)
SPECIES = (BACTERIUM, YEAST)
# Short genes, half of them with introns, so close that a window of 1,500 bases has one or two.
COMPACT = Species(
    "compact",
    genetic_code=1,
    contigs=2,
    genes=40,
    gc=0.45,
    gc_between=0.34,
    codons=(4.4, 0.5),
    spacers=((150, 600),),
    starts={"ATG": 1.0},
    rbs=0.0,
    introns=(0.5, 0.3, 0.2),
    is_circular=False,
)
_NUMBERED = (*SPECIES, COMPACT)


@dataclass(frozen=True)
class AnnotatedContig:
    """A contig with its genes in the order of the genome."""

    name: str
    sequence: str
    genes: tuple[Gene, ...]


def annotated_genome(species: Species, seed: int) -> list[AnnotatedContig]:
    """The contigs of a species from a seed."""
    number = [one.name for one in _NUMBERED].index(species.name)
    rng = np.random.default_rng([seed, number])
    table = unambiguous_dna_by_id[species.genetic_code].forward_table
    usage = codon_usage(species.gc, table, rng, _BIAS)
    return [
        AnnotatedContig(f"{species.name}_{number}", *lay_out(_blueprint(species, usage, rng)))
        for number in range(1, species.contigs + 1)
    ]


def _blueprint(species: Species, usage: dict[str, float], rng: np.random.Generator) -> Blueprint:
    strands = [1 if rng.random() < 0.5 else -1]
    while len(strands) < species.genes:
        strands.append(-strands[-1] if rng.random() < 1 / _RUN else strands[-1])
    spacers = []
    for _ in range(species.genes + 1):
        least, most = species.spacers[rng.integers(len(species.spacers))]
        spacers.append(_random_bases(int(rng.integers(least, most)), species.gc_between, rng))
    for number, strand in enumerate(strands):
        if rng.random() >= species.rbs:
            continue
        # It lies before its gene in the direction of reading.
        site = _RBS + _random_bases(int(rng.integers(5, 10)), species.gc_between, rng)
        if strand > 0:
            spacers[number] = spacers[number][: -len(site)] + site
        else:
            spacers[number + 1] = reverse_complement(site) + spacers[number + 1][len(site) :]
    return Blueprint([(strand, _gene(species, usage, rng)) for strand in strands], spacers)


def _gene(species: Species, usage: dict[str, float], rng: np.random.Generator) -> list[Codon]:
    """Codons from start to stop, with introns."""
    count = min(int(rng.lognormal(*species.codons)) + _SHORTEST_GENE, _LONGEST_GENE)
    start = rng.choice(list(species.starts), p=list(species.starts.values()))
    inner = rng.choice(list(usage), size=count, p=list(usage.values()))
    stop = rng.choice(unambiguous_dna_by_id[species.genetic_code].stop_codons)
    codons = [Codon(str(bases)) for bases in (start, *inner, stop)]
    introns = int(rng.choice(len(species.introns), p=species.introns))
    # Steps of 20 codons keep the exons apart.
    sites = np.arange(20, len(codons) - 20, 20)
    for site in rng.choice(sites, size=min(introns, len(sites)), replace=False):
        cut = int(rng.integers(3))
        codons[site] = replace(codons[site], intron=_intron(species, rng), cut=cut)
    return codons


def _intron(species: Species, rng: np.random.Generator) -> str:
    """The donor, the branch point and the acceptor of yeast."""
    first = _random_bases(int(rng.integers(40, 300)), species.gc_between, rng)
    last = _random_bases(int(rng.integers(10, 30)), species.gc_between, rng)
    return f"GTATGT{first}TACTAAC{last}TTTTTATAG"


def _random_bases(count: int, gc: float, rng: np.random.Generator) -> str:
    at = (1 - gc) / 2
    return "".join(rng.choice(list("ACGT"), size=count, p=[at, gc / 2, gc / 2, at]))
