"""Genes of real genomes: against another reading of the same files, and by their proteins."""

import re
from collections import Counter, defaultdict

import pytest
from Bio import SeqIO
from Bio.Data import CodonTable
from Bio.Seq import Seq
from facts import SHARED, code_of, genome_file, if_shared, sequences_of, text_of

from seqloom.seqs.drafts import LEFT_OUT, ODDITIES
from seqloom.seqs.gene_reader import read_genes

SMALL = ("hepatitis_b", "hiv_1", "influenza_a_korea", "mycoplasma_mycoides", "phage_vt2_sakai")
WHOLE = sorted(
    str(path.relative_to(SHARED / "data")).removesuffix(".gff.gz")
    for path in (SHARED / "data").glob("*/*.gff.gz")
) or ["of whole genomes"]
every_gff = pytest.mark.parametrize(
    "genome", [*SMALL, "saccharomyces_cerevisiae", *map(if_shared, WHOLE)]
)
# Numbers of translated transcripts, and of those that are a start codon, whole codons and a stop.
PROTEINS = {
    "animal/caenorhabditis_elegans_1pct": (295, 295),
    "bacteria/mycoplasmoides_alvi_ATCC29626": (679, 671),  # an end or a gap cuts the others
    "bacteria/streptococcus_pyogenes_M1_GAS_NC_002737": (1853, 1853),
    "fungi/saccharomyces_cerevisiae_S288C_7chr": (1595, 1595),
    "plant/arabidopsis_thaliana_TAIR10_1pct": (460, 460),
    # RNA editing makes the ACG of ndhD an AUG.
    "plant/arabidopsis_thaliana_chloroplast_NC_000932": (83, 82),
    "viral/enterobacteria_phage_T4_NC_000866": (278, 278),
    "viral/escherichia_phage_lambda_imm21_OM418625": (70, 70),
    "viral/monkeypox_virus_NC_063383": (179, 179),
    "viral/mycobacterium_phage_L5_Z18946": (90, 90),
}
TRANS_SPLICED = {"ArthCp001", "ArthCp047"}  # both rps12


def genes_of(genome, kind="gff"):
    """The sequences of a genome, its genes and oddities."""
    sequences = sequences_of(genome_file(genome, "fa"))
    lengths = {name: len(sequence) for name, sequence in sequences.items()}
    return sequences, *read_genes([str(genome_file(genome, kind))], lengths)


def transcripts_of(genes):
    """The transcripts as multisets of (strand, exons); contigs have other names in some files."""
    return Counter(
        (one.strand, tuple((exon.start, exon.end) for exon in transcript.exons))
        for one in genes
        for transcript in one.transcripts
    )


def lines_of(path):
    """The type, place, strand and attributes of each line, by regular expressions."""
    with text_of(path) as text:
        for number, line in enumerate(text):
            if found := re.match(
                r"(?!#)[^\t]*\t[^\t]*\t(\S+)\t(\d+)\t(\d+)\t\S+\t(\S)\t.\t(.*)", line
            ):
                kind, start, end, strand, attributes = found.groups()
                attributes = dict(re.findall(r"([^;=]+)=([^;]*)", attributes))
                yield number, kind, (int(start) - 1, int(end)), strand, attributes


def transcripts_by_lines(path):
    """The transcripts of a GFF3 file by their lines alone, and the number of its genes."""
    lines = list(lines_of(path))
    types = {a["ID"]: kind for _, kind, _, _, a in lines if "ID" in a}
    genes, dropped, owner = set(), set(), {}
    for number, kind, _, _, a in lines:
        parent, name = a.get("Parent"), a.get("ID", number)
        if kind.endswith("gene") and not parent:
            genes.add(name)
            biotype = kind + a.get("biotype", "") + ("pseudogene" if "pseudo" in a else "")
            if re.search("pseudogene|transpos", biotype) or a.get("locus_tag") in TRANS_SPLICED:
                dropped.add(name)
        elif re.search("RNA|transcript", kind):
            owner[name] = parent or name
    parts = {kind: defaultdict(list) for kind in ("CDS", "exon", "self")}
    for number, kind, place, strand, a in lines:
        parents = [p for p in a.get("Parent", "").split(",") if p]
        kept = [p for p in parents if types.get(p) != "protein"] or parents
        name = a.get("ID", number)
        if kind == "CDS" and "pseudo" not in a:
            for parent in kept or [""]:
                below = parent if parent in owner else a.get("ID") or parent or number
                parts["CDS"][owner.get(parent, parent or below), below, strand].append(place)
        elif kind == "exon":
            for parent in parents:
                parts["exon"][owner.get(parent), parent, strand].append(place)
        elif name in owner:
            parts["self"][owner[name], name, strand].append(place)
    coding = {gene for gene, *_ in parts["CDS"]}
    with_exons = {name for _, name, _ in parts["exon"]}
    found = Counter()
    for kind, made in parts.items():
        for (gene, name, strand), exons in made.items():
            is_known = kind == "CDS" or (name in owner and gene not in coding)
            if is_known and gene not in dropped and not (kind == "self" and name in with_exons):
                found[strand, tuple(sorted(exons))] += 1
    return found, len(genes)


def check(genes, oddities, found):
    """The transcripts are those found; of genes across the origin the parts have the same exons."""
    exons_of = [
        Counter((strand, exon) for strand, exons in transcripts.elements() for exon in exons)
        for transcripts in (transcripts_of(genes), found)
    ]
    assert exons_of[0] == exons_of[1]
    assert transcripts_of(genes) == found or "gene across the origin" in oddities


@every_gff
def test_transcripts_are_those_of_another_reading(genome):
    _, genes, oddities = genes_of(genome)
    check(genes, oddities, transcripts_by_lines(genome_file(genome, "gff"))[0])


@every_gff
def test_every_gene_is_in_the_list_or_counted_as_left_out(genome):
    _, genes, oddities = genes_of(genome)
    _, of_file = transcripts_by_lines(genome_file(genome, "gff"))
    alone = oddities["CDS without gene line"] + oddities["transcript without gene line"]
    left_out = sum(oddities[name] for name in LEFT_OUT)
    assert of_file + alone == len(genes) - oddities["gene across the origin"] + left_out
    assert set(oddities) <= set(ODDITIES)


@pytest.mark.parametrize("genome", [genome for genome in SMALL if genome != "hiv_1"])
def test_genbank_transcripts_are_the_locations_of_biopython(genome):
    _, genes, oddities = genes_of(genome, "gbff")
    found = Counter()
    for record in SeqIO.parse(genome_file(genome, "gbff"), "genbank"):
        for feature in record.features:
            if feature.type == "CDS" and "pseudo" not in feature.qualifiers:
                parts = sorted((int(part.start), int(part.end)) for part in feature.location.parts)
                found["+-"[feature.location.strand < 0], tuple(parts)] += 1
    check(genes, oddities, found)
    assert oddities["gene without transcript"] == 0


@pytest.mark.parametrize(
    ("genome", "numbers"), [if_shared(genome, numbers) for genome, numbers in PROTEINS.items()]
)
def test_transcripts_translate_into_proteins(genome, numbers):
    sequences, genes, _ = genes_of(genome)
    whole = total = 0
    for one in (one for one in genes if one.biotype == "CDS"):
        code = one.genetic_code or code_of(genome)
        starts = CodonTable.unambiguous_dna_by_id[code].start_codons
        for transcript in one.transcripts:
            parts = [bases_of(sequences[one.contig], exon, one.strand) for exon in transcript.exons]
            exons = list(zip(parts, transcript.exons, strict=True))[
                :: 1 if one.strand == "+" else -1
            ]
            bases = "".join(part for part, _ in exons)[exons[0][1].phase :]
            protein = translated(bases, code)
            assert "*" not in protein[:-1]
            assert all("*" not in translated(part[e.phase :], code)[:-1] for part, e in exons)
            total += 1
            whole += bases[:3] in starts and len(bases) % 3 == 0 and protein.endswith("*")
    assert (total, whole) == numbers


def bases_of(sequence, exon, strand):
    part = Seq(sequence[exon.start : exon.end].upper())
    return str(part if strand == "+" else part.reverse_complement())


def translated(bases, code):
    return str(Seq(bases[: len(bases) // 3 * 3]).translate(code))
