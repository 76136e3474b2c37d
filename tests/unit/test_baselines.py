"""Genes as other programs find them, and the simulated genomes on which they must."""

import gzip
import shutil
from itertools import pairwise

import pyrodigal
import pytest
from Bio.Seq import reverse_complement
from facts import genome_file, sequences_of

from seqloom.annotate.baselines import (
    LEAST_TO_TRAIN,
    augustus_prediction,
    pyrodigal_prediction,
)
from seqloom.annotate.proteins import proteins
from seqloom.annotate.scores import compare
from seqloom.demo.annotated import BACTERIUM, YEAST, annotated_genome
from seqloom.demo.annotated_files import annotated_files
from seqloom.errors import InputError
from seqloom.seqs.gene_reader import read_genes


@pytest.fixture(scope="module")
def bacterium(tmp_path_factory):
    """The contigs of the simulated bacterium and its genes."""
    folder = tmp_path_factory.mktemp("bacterium")
    for name, text in annotated_files(BACTERIUM, 1).items():
        (folder / name).write_bytes(gzip.compress(text.encode()))
    contigs = sequences_of(folder / "bacterium.fa.gz")
    lengths = {name: len(letters) for name, letters in contigs.items()}
    return list(contigs.items()), read_genes([str(folder / "bacterium.gff3.gz")], lengths)[0]


def test_pyrodigal_finds_the_planted_genes(bacterium):
    contigs, planted = bacterium
    levels = compare(planted, pyrodigal_prediction(contigs, 11, 2).genes)
    assert levels["gene_end"].recall > 0.9
    assert levels["gene"].f1 > 0.8


def test_genes_of_pyrodigal_are_those_of_its_own_interface(bacterium):
    contigs = [(name, letters[1000:-1000]) for name, letters in bacterium[0]]
    finder = pyrodigal.GeneFinder()
    finder.train(contigs[0][1], translation_table=11)
    want = list(finder.find_genes(contigs[0][1]))
    found = pyrodigal_prediction(contigs, 11, 1).genes
    assert [(g.start + 1, g.end, g.strand) for g in found] == [
        (one.begin, one.end, "+" if one.strand > 0 else "-") for one in want
    ]
    assert [(g.partial_left, g.partial_right) for g in found] == [
        (one.partial_begin, one.partial_end) for one in want
    ]
    assert any(g.partial_left or g.partial_right for g in found)
    mine = [protein for _, protein in proteins(found, contigs[0][1], 11)]
    assert mine == [one.translate().removesuffix("*") for one in want]


def test_a_genome_too_short_to_train_on_is_read_in_meta_mode(bacterium):
    [(name, letters), *_] = bacterium[0]
    short = pyrodigal_prediction([(name, letters[: LEAST_TO_TRAIN - 1])], 11, 1)
    assert short.genes and short.how["mode"].startswith("meta")


def test_genetic_code_4_reads_through_tga():
    contig = annotated_genome(BACTERIUM, 1)[0]
    # All codons of tryptophan become TGA, as many are in Mycoplasmoides.
    letters = list(contig.sequence)
    for gene in contig.genes:
        [(start, end)] = gene.exons
        coding = "".join(letters[start:end])
        coding = coding if gene.strand > 0 else reverse_complement(coding)
        codons = [coding[i : i + 3] for i in range(0, len(coding), 3)]
        coding = "".join("TGA" if codon == "TGG" else codon for codon in codons)
        letters[start:end] = coding if gene.strand > 0 else reverse_complement(coding)
    starts = {gene.exons[0][0 if gene.strand > 0 else 1] for gene in contig.genes}

    def found_starts(code):
        genes = pyrodigal_prediction([("c", "".join(letters))], code, 1).genes
        return len(starts & {gene.start if gene.strand == "+" else gene.end for gene in genes})

    assert found_starts(4) > 0.8 * len(starts) > 2 * found_starts(11)


@pytest.mark.skipif(not shutil.which("augustus"), reason="AUGUSTUS is not installed")
def test_augustus_marks_a_gene_that_its_contig_cuts():
    genome = sequences_of(genome_file("saccharomyces_cerevisiae", "fa"))
    contigs = [("a", next(iter(genome.values()))), ("without a gene", "ACGT" * 50)]
    found = augustus_prediction(contigs, "saccharomyces", 1, 2).genes
    whole = next(g for g in found if g.strand == "+" and not g.partial_left)
    cut = (whole.start + whole.end) // 2
    [first, *_] = augustus_prediction([("b", contigs[0][1][cut:])], "saccharomyces", 1, 1).genes
    assert (first.contig, first.end + cut, first.partial_left) == ("b", whole.end, True)


def test_what_augustus_refuses_is_one_sentence(tmp_path, monkeypatch):
    program = tmp_path / "augustus"
    program.write_text("#!/bin/sh\necho 'augustus: ERROR: unknown species' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(InputError, match=r"augustus --species=dodo: .*unknown species; correct"):
        augustus_prediction([("c", "ACGT" * 100)], "dodo", 1, 1)


def test_the_simulated_yeast_has_introns_with_signals_and_whole_proteins(tmp_path):
    for contig in annotated_genome(YEAST, 1):
        spliced = [gene for gene in contig.genes if len(gene.exons) > 1]
        assert len(spliced) > 5
        for gene in spliced:
            for (_, end), (start, _) in pairwise(gene.exons):
                intron = contig.sequence[end:start]
                intron = intron if gene.strand > 0 else reverse_complement(intron)
                assert (intron[:2], intron[-2:]) == ("GT", "AG")


@pytest.mark.parametrize("species", [BACTERIUM, YEAST], ids=lambda species: species.name)
def test_simulated_genes_are_read_back_whole_from_gff3(tmp_path, species):
    for name, text in annotated_files(species, 3).items():
        (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    contigs = sequences_of(tmp_path / f"{species.name}.fa.gz")
    lengths = {name: len(letters) for name, letters in contigs.items()}
    genes, _ = read_genes([str(tmp_path / f"{species.name}.gff3.gz")], lengths)
    planted = annotated_genome(species, 3)
    assert len(genes) == species.contigs * species.genes
    for contig in planted:
        mine = [gene for gene in genes if gene.contig == contig.name]
        assert [tuple(exon[:2] for exon in gene.canonical.exons) for gene in mine] == [
            gene.exons for gene in contig.genes
        ]
        for _, protein in proteins(mine, contig.sequence, species.genetic_code):
            assert protein.startswith("M") and "*" not in protein
