"""The demo data, read back from its files with the tools of users."""

import csv
import gzip
import subprocess
import sys
from collections import defaultdict
from itertools import pairwise, permutations
from pathlib import Path

import pytest
from Bio import SeqIO
from Bio.Seq import Seq, reverse_complement

from seqloom.demo.demo_files import demo_files
from seqloom.demo.simulate import CATEGORIES, simulate

SCRIPT = Path(__file__).parents[2] / "workflow" / "scripts" / "simulate.py"
CODES = {category.name: category.genetic_code for category in CATEGORIES}
every_category = pytest.mark.parametrize("category", CODES)


def written(folder, seed=1):
    subprocess.run([sys.executable, SCRIPT, "--seed", str(seed), "--out", folder], check=True)
    return folder


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return written(tmp_path_factory.mktemp("demo"))


def sequences(path):
    with gzip.open(path, "rt") as handle:
        return {record.id: str(record.seq) for record in SeqIO.parse(handle, "fasta")}


def rows(path):
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def gff_features(path):
    """(contig, kind, start, end, strand, phase, attributes) of every line, unchanged."""
    with gzip.open(path, "rt") as handle:
        lines = [line.rstrip("\n").split("\t") for line in handle if not line.startswith("#")]
    return [
        (
            seqid,
            kind,
            int(start),
            int(end),
            strand,
            phase,
            dict(a.split("=") for a in last.split(";")),
        )
        for seqid, _, kind, start, end, _, strand, phase, last in lines
    ]


def gff_genes(demo, category):
    """CDS segments by protein id, in reading order: (contig, strand, start, end, phase)."""
    parts = defaultdict(list)
    for contig, kind, start, end, strand, phase, attributes in gff_features(
        demo / f"{category}.gff3.gz"
    ):
        if kind == "CDS":
            parts[attributes["protein_id"]].append((contig, strand, start, end, int(phase)))
    return {
        name: sorted(cds, key=lambda part: part[2], reverse=cds[0][1] == "-")
        for name, cds in parts.items()
    }


def gbff_translations(demo, category):
    """Translation by protein id, each compared with Biopython's reading of the location."""
    result = {}
    with gzip.open(demo / f"{category}.gbff.gz", "rt") as handle:
        for record in SeqIO.parse(handle, "genbank"):
            for feature in (f for f in record.features if f.type == "CDS"):
                [name], [protein] = (feature.qualifiers[k] for k in ("protein_id", "translation"))
                [code] = feature.qualifiers["transl_table"]
                assert feature.extract(record.seq).translate(int(code), cds=True) == protein
                assert name not in result
                result[name] = protein
    return result


def part_sequence(contigs, contig, strand, start, end):
    bases = Seq(contigs[contig][start - 1 : end].upper())
    return str(bases if strand == "+" else bases.reverse_complement())


def kmers(sequence, k=21):
    forward = sequence.upper()
    strands = (forward, reverse_complement(forward))
    return {strand[i : i + k] for strand in strands for i in range(len(strand) - k + 1)}


def containment(a, b):
    return len(a & b) / len(a)


@every_category
def test_genes_of_gff3_and_fasta_translate_as_in_the_gbff(demo, category):
    contigs, translations = sequences(demo / f"{category}.fa.gz"), gbff_translations(demo, category)
    genes = gff_genes(demo, category)
    assert list(genes) == list(translations)
    for name, parts in genes.items():
        coding = "".join(part_sequence(contigs, *part[:4]) for part in parts)
        # cds=True: begins with a start, ends with a stop, none inside, whole codons only.
        assert str(Seq(coding).translate(CODES[category], cds=True)) == translations[name]
        assert coding.startswith("ATG")
    assert {part[1] for parts in genes.values() for part in parts} == {"+", "-"}


@every_category
def test_each_cds_line_is_in_frame_from_its_phase(demo, category):
    contigs, translations = sequences(demo / f"{category}.fa.gz"), gbff_translations(demo, category)
    for name, parts in gff_genes(demo, category).items():
        read = 0
        for contig, strand, start, end, phase in parts:
            bases = part_sequence(contigs, contig, strand, start, end)[phase:]
            protein = str(Seq(bases[: len(bases) // 3 * 3]).translate(CODES[category]))
            first = -(-read // 3)
            assert protein == (translations[name] + "*")[first : first + len(protein)]
            read += end - start + 1


def test_fungal_introns_are_gt_ag_on_the_strand_of_the_gene_in_every_phase(demo):
    contigs, genes = sequences(demo / "fungi.fa.gz"), gff_genes(demo, "fungi")
    phases = set()
    for parts in genes.values():
        for (contig, strand, *before, _), (_, _, *after, phase) in pairwise(parts):
            ends = sorted((*before, *after))
            intron = part_sequence(contigs, contig, strand, ends[1] + 1, ends[2] - 1)
            assert intron.startswith("GT") and intron.endswith("AG")
            assert 40 <= len(intron) <= 80
            phases.add((strand, phase))
    assert phases == {(strand, phase) for strand in "+-" for phase in range(3)}
    assert 0.3 < sum(len(parts) > 1 for parts in genes.values()) / len(genes) < 0.7
    for category in ("viral", "bacteria"):
        assert all(len(parts) == 1 for parts in gff_genes(demo, category).values())


@every_category
def test_gff3_parents_exist_on_the_same_contig(demo, category):
    contigs, features = (
        sequences(demo / f"{category}.fa.gz"),
        gff_features(demo / f"{category}.gff3.gz"),
    )
    owners = {f[6]["ID"]: (f[0], f[1]) for f in features}
    expected = {"gene": None, "mRNA": "gene", "CDS": "mRNA" if category == "fungi" else "gene"}
    for contig, kind, start, end, _, phase, attributes in features:
        assert 1 <= start <= end <= len(contigs[contig])
        assert (phase == ".") == (kind != "CDS")
        if expected[kind]:
            assert owners[attributes["Parent"]] == (contig, expected[kind])
    with gzip.open(demo / f"{category}.gff3.gz", "rt") as handle:
        assert next(handle) == "##gff-version 3\n"
        regions = [line.split() for line in handle if line.startswith("##sequence-region")]
    assert regions == [["##sequence-region", n, "1", str(len(s))] for n, s in contigs.items()]


@every_category
def test_gbff_and_groups_name_the_contigs_of_the_fasta(demo, category):
    contigs = sequences(demo / f"{category}.fa.gz")
    with gzip.open(demo / f"{category}.gbff.gz", "rt") as handle:
        records = {record.id: str(record.seq) for record in SeqIO.parse(handle, "genbank")}
    assert records == {name: sequence.upper() for name, sequence in contigs.items()}
    assert [row["contig"] for row in rows(demo / f"{category}.groups.tsv")] == list(contigs)


def test_only_members_of_a_family_are_similar(demo):
    contigs, groups = {}, {}
    for category in CODES:
        contigs |= sequences(demo / f"{category}.fa.gz")
        groups |= {row["contig"]: row["group"] for row in rows(demo / f"{category}.groups.tsv")}
    words = {name: kmers(sequence) for name, sequence in contigs.items()}
    for a, b in permutations(contigs, 2):
        shared = containment(words[a], words[b])
        assert shared > 0.04 if groups[a] == groups[b] else shared < 0.001, (a, b)


@every_category
def test_most_bases_are_coding_and_gc_is_that_of_the_category(demo, category):
    contigs = sequences(demo / f"{category}.fa.gz")
    coding = sum(
        end - start + 1 for p in gff_genes(demo, category).values() for *_, start, end, _ in p
    )
    everything = "".join(contigs.values()).upper()
    [expected] = (c.gc for c in CATEGORIES if c.name == category)
    assert coding / len(everything) > 0.8
    assert (everything.count("G") + everything.count("C")) / len(everything) == pytest.approx(
        expected, abs=0.025
    )


def test_training_genomes_have_the_irregularities_of_real_files(demo):
    contigs = {n: s for c in CODES for n, s in sequences(demo / f"{c}.fa.gz").items()}
    assert 150_000 < sum(map(len, contigs.values())) < 250_000
    assert any(not s.isupper() and not s.islower() for s in contigs.values())
    assert sum("N" in s for s in contigs.values()) == 1
    assert any("|" in name for name in contigs)
    with gzip.open(demo / "viral.fa.gz", "rt") as handle:
        assert max(len(line) for line in handle if not line.startswith(">")) == 71


def test_the_truth_table_has_every_query_contig(demo):
    query, truth = sequences(demo / "query.fa.gz"), rows(demo / "query.truth.tsv")
    assert [row["contig"] for row in truth] == list(query)
    assert {row["truth"] for row in truth} == {"viral", "bacteria", "fungi", "chimera", "none"}
    assert sum(map(len, query.values())) < 40_000
    assert min(map(len, query.values())) == 140
    training = {c: kmers("".join(sequences(demo / f"{c}.fa.gz").values())) for c in CODES}
    for row in truth:
        sequence = query[row["contig"]]
        shares = {c: containment(kmers(sequence), words) for c, words in training.items()}
        if row["truth"] == "chimera":
            assert containment(kmers(sequence[1200:3000]), training["viral"]) > 0.1
            assert containment(kmers(sequence[:1200] + sequence[3000:]), training["bacteria"]) > 0.1
            assert len(sequence) == 4200
        elif row["truth"] == "none":
            assert sequence == "N" * 600
        elif "new family" in row["note"]:
            assert max(shares.values()) == 0
        else:
            assert max(shares, key=shares.get) == row["truth"]
            assert shares[row["truth"]] > 0.04


def test_proteins_are_those_of_the_viral_genes_with_a_copy_and_an_unknown_one(demo):
    proteins = {r.id: str(r.seq) for r in SeqIO.parse(demo / "proteins.faa", "fasta")}
    first = next(iter(proteins.values()))
    odd = {"copy": first, "unknown": 60 * "X"}
    assert proteins == gbff_translations(demo, "viral") | odd


def test_a_seed_gives_the_same_bytes_and_another_one_other_genomes(demo, tmp_path):
    again = written(tmp_path / "again")
    assert sorted(p.name for p in demo.iterdir()) == sorted(p.name for p in again.iterdir())
    assert all(path.read_bytes() == (again / path.name).read_bytes() for path in demo.iterdir())
    assert demo_files(simulate(1))["viral.fa.gz"] != demo_files(simulate(2))["viral.fa.gz"]


@pytest.mark.parametrize("seed", range(3, 8))
def test_other_seeds_give_whole_genes(seed):
    for contigs in simulate(seed).genomes.values():
        for contig in contigs:
            # protein() raises unless the gene runs from a start to its only stop.
            assert all(len(contig.protein(gene)) > 150 for gene in contig.genes)
