"""Demo genomes from a seed: families of related contigs with planted genes, and a metagenome."""

import re
from dataclasses import dataclass, replace

import numpy as np
from Bio.Data.CodonTable import unambiguous_dna_by_id
from Bio.Seq import reverse_complement, translate

GENE_CODONS = (210, 330)
SPACER_BASES = (30, 160)
INTRON_BODY = (28, 68)  # plus 12 bases of splice signals: introns of 40 to 80 bases
DIVERGENCE = (0.025, 0.06)  # from the ancestor; twice that between members
SYNONYMOUS = 20  # how many times more often a silent mutation survives than others
INDEL = 1 / 500  # lost codons, and as many gained, per codon
FRAGMENT_BASES = (2000, 3200)


@dataclass(frozen=True)
class Category:
    """The properties of the genomes of a category."""

    name: str
    prefix: str
    genetic_code: int
    gc: float
    families: int
    members: int
    genes: int  # per contig
    spliced: float  # share of genes with introns


CATEGORIES = (
    Category("viral", "vir", 11, gc=0.44, families=5, members=3, genes=5, spliced=0.0),
    Category("bacteria", "bac", 11, gc=0.50, families=4, members=2, genes=8, spliced=0.0),
    Category("fungi", "fun", 1, gc=0.47, families=4, members=2, genes=8, spliced=0.5),
)


@dataclass(frozen=True)
class Codon:
    """A codon, and the intron after the first `cut` of its bases."""

    bases: str
    intron: str = ""
    cut: int = 0


@dataclass(frozen=True)
class Blueprint:
    """A contig before its coordinates are known: genes (strand, codons) between spacers."""

    genes: list[tuple[int, list[Codon]]]
    spacers: list[str]  # one more than genes


@dataclass(frozen=True)
class Gene:
    """A gene on a contig; exons are 0-based, half-open, in the order of the forward strand."""

    strand: int
    exons: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Contig:
    """An annotated training contig."""

    name: str
    group: str
    category: Category
    sequence: str
    genes: tuple[Gene, ...]

    def protein_id(self, gene: Gene) -> str:
        return f"{self.name}_{self.genes.index(gene) + 1}"

    def protein(self, gene: Gene) -> str:
        """The translation without its stop; an error unless the gene runs from start to stop."""
        coding = "".join(self.sequence[start:end] for start, end in gene.exons)
        if gene.strand < 0:
            coding = reverse_complement(coding)
        return translate(coding, table=self.category.genetic_code, cds=True)


@dataclass(frozen=True)
class Query:
    """A contig of the metagenome and its true origin."""

    name: str
    sequence: str
    truth: str
    note: str


@dataclass(frozen=True)
class Demo:
    genomes: dict[str, list[Contig]]  # by category
    query: list[Query]


class Population:
    """The families of a category, with an extra one that only the metagenome has."""

    def __init__(self, category: Category, rng: np.random.Generator) -> None:
        self.category, self.rng = category, rng
        self.table = unambiguous_dna_by_id[category.genetic_code]
        self.usage = codon_usage(category.gc, self.table.forward_table, rng)
        self.mutations = point_mutations(self.usage, self.table.forward_table)
        self.ancestors = [self._ancestor() for _ in range(category.families + 1)]

    def contigs(self) -> list[Contig]:
        """The training members of all families."""
        return [
            self.member(family, "abc"[member])
            for family in range(self.category.families)
            for member in range(self.category.members)
        ]

    def group(self, family: int) -> str:
        return f"{self.category.prefix}{family + 1}"

    def member(self, family: int, suffix: str) -> Contig:
        """A new mutated copy of the family's ancestor."""
        group = self.group(family)
        sequence, genes = lay_out(self._mutated(self.ancestors[family]))
        return Contig(group + suffix, group, self.category, sequence, genes)

    def fragment(self, family: int, length: int) -> str:
        """`length` bases at a random position of a new member of the family."""
        sequence = self.member(family, "").sequence
        start = self.rng.integers(len(sequence) - length + 1)
        return sequence[start : start + length]

    def _ancestor(self) -> Blueprint:
        count = self.category.genes
        return Blueprint(
            genes=[(int(self.rng.choice([1, -1])), self._gene()) for _ in range(count)],
            spacers=[
                self._random_bases(self._between(SPACER_BASES), self.category.gc)
                for _ in range(count + 1)
            ],
        )

    def _gene(self) -> list[Codon]:
        codons = [Codon(bases) for bases in self._random_codons(self._between(GENE_CODONS) - 2)]
        if self.rng.random() < self.category.spliced:
            # Steps of 20 codons keep the exons apart.
            sites = np.arange(20, len(codons) - 20, 20)
            for site in self.rng.choice(sites, size=self.rng.integers(1, 3), replace=False):
                cut = int(self.rng.integers(3))
                codons[site] = replace(codons[site], intron=self._intron(), cut=cut)
        stop = str(self.rng.choice(self.table.stop_codons))
        return [Codon("ATG"), *codons, Codon(stop)]

    def _intron(self) -> str:
        return "GTAAGT" + self._random_bases(self._between(INTRON_BODY), gc=0.3) + "TTTCAG"

    def _mutated(self, ancestor: Blueprint) -> Blueprint:
        rate = self.rng.uniform(*DIVERGENCE)
        return Blueprint(
            genes=[(strand, self._mutated_gene(codons, rate)) for strand, codons in ancestor.genes],
            spacers=[self._mutated_bases(spacer, rate) for spacer in ancestor.spacers],
        )

    def _mutated_gene(self, codons: list[Codon], rate: float) -> list[Codon]:
        start, *inner, stop = codons
        mutated = [start]
        for codon in inner:
            lost, changed, gained = self.rng.random(3) < (INDEL, 3 * rate, INDEL)
            if codon.intron:
                body = self._mutated_bases(codon.intron[2:-2], rate)
                codon = replace(codon, intron=f"GT{body}AG")
            elif lost:
                continue
            if changed:
                bases, probabilities = self.mutations[codon.bases]
                codon = replace(codon, bases=str(self.rng.choice(bases, p=probabilities)))
            mutated.append(codon)
            if gained:
                mutated += map(Codon, self._random_codons(1))
        return [*mutated, stop]

    def _mutated_bases(self, bases: str, rate: float) -> str:
        hit = self.rng.random(len(bases)) < rate
        shifts = self.rng.integers(1, 4, len(bases)) * hit
        return "".join(
            "ACGT"[("ACGT".index(base) + shift) % 4]
            for base, shift in zip(bases, shifts, strict=True)
        )

    def _random_codons(self, count: int) -> list[str]:
        return self.rng.choice(list(self.usage), size=count, p=list(self.usage.values())).tolist()

    def _random_bases(self, count: int, gc: float) -> str:
        at = (1 - gc) / 2
        return "".join(self.rng.choice(list("ACGT"), size=count, p=[at, gc / 2, gc / 2, at]))

    def _between(self, bounds: tuple[int, int]) -> int:
        return int(self.rng.integers(*bounds, endpoint=True))


def codon_usage(
    gc_content: float, amino_acids: dict[str, str], rng: np.random.Generator, bias: float = 0.3
) -> dict[str, float]:
    """Random codon frequencies, adjusted to a GC content."""
    codons = sorted(amino_acids)
    acid_weight = {acid: rng.lognormal(sigma=0.2) for acid in sorted(set(amino_acids.values()))}
    weights = rng.lognormal(sigma=bias, size=len(codons))
    weights *= [acid_weight[amino_acids[codon]] for codon in codons]
    gc = np.array([codon.count("G") + codon.count("C") for codon in codons])
    adjusted = weights * np.exp(np.outer(np.linspace(-2, 2, 401), gc))
    adjusted /= adjusted.sum(axis=1, keepdims=True)
    best = np.abs(adjusted @ gc / 3 - gc_content).argmin()
    return dict(zip(codons, adjusted[best].tolist(), strict=True))


def point_mutations(
    usage: dict[str, float], amino_acids: dict[str, str]
) -> dict[str, tuple[list[str], np.ndarray]]:
    """For each codon, the sense codons one base away, with probabilities."""
    result = {}
    for old in usage:
        near = [new for new in usage if sum(a != b for a, b in zip(old, new, strict=True)) == 1]
        weights = np.array(
            [
                usage[new] * (SYNONYMOUS if amino_acids[new] == amino_acids[old] else 1)
                for new in near
            ]
        )
        result[old] = near, weights / weights.sum()
    return result


def lay_out(blueprint: Blueprint) -> tuple[str, tuple[Gene, ...]]:
    """The sequence of a blueprint, with the positions of its genes."""
    sequence, genes = blueprint.spacers[0], []
    for (strand, codons), spacer in zip(blueprint.genes, blueprint.spacers[1:], strict=True):
        # Introns are in lower case, so exons are runs of capitals on either strand.
        text = "".join(c.bases[: c.cut] + c.intron.lower() + c.bases[c.cut :] for c in codons)
        if strand < 0:
            text = reverse_complement(text)
        exons = [match.span() for match in re.finditer("[A-Z]+", text)]
        shift = len(sequence)
        genes.append(Gene(strand, tuple((shift + start, shift + end) for start, end in exons)))
        sequence += text.upper() + spacer
    return sequence, tuple(genes)


def simulate(seed: int) -> Demo:
    """The training genomes and the metagenome of a seed."""
    *streams, rng = np.random.default_rng(seed).spawn(len(CATEGORIES) + 1)
    populations = [Population(*pair) for pair in zip(CATEGORIES, streams, strict=True)]
    genomes = {p.category.name: p.contigs() for p in populations}
    _add_irregularities(genomes)
    return Demo(genomes, _metagenome(*populations, rng))


def _add_irregularities(genomes: dict[str, list[Contig]]) -> None:
    """Add what real files have: soft-masked regions, Ns, an id with `|`."""
    genomes["bacteria"][0] = _soft_masked(genomes["bacteria"][0], 700, 1150)
    genomes["fungi"][1] = _soft_masked(genomes["fungi"][1], 2000, 2600)
    with_ns = genomes["bacteria"][3]
    first_spacer = with_ns.sequence[:10] + "N" * 5 + with_ns.sequence[15:]
    genomes["bacteria"][3] = replace(with_ns, sequence=first_spacer)
    genomes["viral"][-1] = replace(genomes["viral"][-1], name=f"demo|{genomes['viral'][-1].name}")


def _soft_masked(contig: Contig, start: int, end: int) -> Contig:
    s = contig.sequence
    return replace(contig, sequence=s[:start] + s[start:end].lower() + s[end:])


def _metagenome(
    viral: Population, bacteria: Population, fungi: Population, rng: np.random.Generator
) -> list[Query]:
    fragments = []
    for population, known_families in ((viral, (0, 1)), (bacteria, (0, 1)), (fungi, (0,))):
        for family in (*known_families, population.category.families):
            new = family == population.category.families
            note = "of a new family" if new else f"a new member of {population.group(family)}"
            length = int(rng.integers(*FRAGMENT_BASES, endpoint=True))
            fragments.append((population.fragment(family, length), population.category.name, note))
    host, insert = bacteria.fragment(2, 2400), viral.fragment(2, 1800)
    fragments += [
        (host[:1200] + insert + host[1200:], "chimera", "bac3 with vir3 inserted at 1200-3000"),
        (viral.fragment(3, 140), "viral", "a new member of vir4, shorter than a window"),
        ("N" * 600, "none", "only N"),
    ]
    return [Query(f"contig_{number:02d}", *row) for number, row in enumerate(fragments, start=1)]
