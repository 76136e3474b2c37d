"""Genes read from GFF3: every oddity of real files, with the exact genes that come out."""

import pytest
from gene_data import error, gene, gff3, line, places, read

from seqloom.seqs.gene_reader import read_genes

# --- the layouts of the providers ----------------------------------------------------------------


def test_a_eukaryote_gene_has_the_cds_of_each_mrna(tmp_path):
    text = gff3(
        ("gene", 1, 400, "-", ".", "ID=gene-A;gene_biotype=protein_coding"),
        ("mRNA", 1, 400, "-", ".", "ID=rna-1;Parent=gene-A"),
        ("exon", 301, 400, "-", ".", "ID=exon-2;Parent=rna-1"),
        ("exon", 1, 100, "-", ".", "ID=exon-1;Parent=rna-1"),
        ("CDS", 301, 350, "-", 0, "ID=cds-1;Parent=rna-1"),
        ("CDS", 60, 100, "-", 1, "ID=cds-1;Parent=rna-1"),
        ("mRNA", 1, 400, "-", ".", "ID=rna-2;Parent=gene-A"),
        ("CDS", 301, 351, "-", 0, "ID=cds-2;Parent=rna-2"),
    )
    want = gene("gene-A", "-", ("rna-1", (59, 100, 1), (300, 350, 0)), ("rna-2", (300, 351, 0)))
    oddities = {"several isoforms": 1, "CDS not of whole codons": 1}
    assert read(tmp_path, text) == ([want], oddities)


def test_a_prokaryote_gene_has_its_cds_without_mrna_and_exons(tmp_path):
    text = gff3(
        ("region", 1, 1000, "+", ".", "ID=c:1..1000"),
        ("gene", 1, 90, "+", ".", "ID=gene-b1;gene_biotype=protein_coding"),
        ("CDS", 1, 90, "+", 0, "ID=cds-1;Parent=gene-b1;transl_table=11"),
        ("gene", 101, 170, "-", ".", "ID=gene-b2;gene_biotype=tRNA"),
        ("tRNA", 101, 170, "-", ".", "ID=rna-b2;Parent=gene-b2"),
        ("exon", 101, 170, "-", ".", "ID=exon-b2;Parent=rna-b2"),
        ("sequence_feature", 300, 400, "+", ".", "ID=id-1"),
    )
    want = [
        gene("gene-b1", "+", ("cds-1", (0, 90, 0)), genetic_code=11),
        gene("gene-b2", "-", ("rna-b2", (100, 170, None)), biotype="tRNA"),
    ]
    assert read(tmp_path, text) == (want, {"CDS without transcript line": 1})


def test_transcripts_and_cds_without_gene_lines_are_genes_of_their_own(tmp_path):
    text = gff3(
        ("CDS", 1, 90, "+", 0, "ID=CDS-1;product=a"),
        ("CDS", 101, 130, "+", 0, "ID=CDS-2"),
        ("CDS", 141, 200, "+", 0, "ID=CDS-2"),
        ("tRNA", 201, 270, "+", ".", "ID=tRNA-3"),
        ("CDS", 301, 330, "+", 0, "product=b"),
        ("mRNA", 401, 490, "+", ".", "ID=m;Parent=lost"),
        ("CDS", 401, 490, "+", 0, "ID=CDS-4;Parent=m"),
        ("CDS", 501, 590, "+", 0, "Parent=nowhere"),
        ("exon", 501, 590, "+", ".", "Parent=nowhere"),
        ("exon", 601, 690, "+", ".", "Parent=neither"),
    )
    genes, oddities = read(tmp_path, text)
    assert places(genes) == {
        "CDS-1": [[(0, 90, 0)]],
        "CDS-2": [[(100, 130, 0), (140, 200, 0)]],
        "tRNA-3": [[(200, 270, None)]],
        "CDS of line 6": [[(300, 330, 0)]],
        "lost": [[(400, 490, 0)]],
        "nowhere": [[(500, 590, 0)]],
    }
    assert oddities == {
        "CDS without gene line": 4,
        "transcript without gene line": 2,
        "transcript without exon lines": 1,
        "exon of no transcript": 1,
    }


def test_a_line_of_several_parents_belongs_to_each_of_them(tmp_path):
    text = gff3(
        ("gene", 1, 300, "+", ".", "ID=g"),
        ("mRNA", 1, 300, "+", ".", "ID=a.1;Parent=g"),
        ("protein", 1, 300, "+", ".", "ID=a.1-Protein;Derives_from=a.1"),
        ("mRNA", 1, 200, "+", ".", "ID=a.2;Parent=g"),
        ("exon", 1, 90, "+", ".", "Parent=a.1,a.2"),
        ("CDS", 1, 90, "+", 0, "Parent=a.1,a.1-Protein,a.2"),
        ("CDS", 201, 230, "+", 0, "Parent=a.1,a.1-Protein;"),
    )
    genes, oddities = read(tmp_path, text)
    assert places(genes) == {"g": [[(0, 90, 0), (200, 230, 0)], [(0, 90, 0)]]}
    assert oddities == {"line of several parents": 3, "several isoforms": 1}


def test_lines_may_come_in_any_order_and_names_may_be_quoted(tmp_path):
    text = gff3(
        ("CDS", 1, 90, "+", 0, "Parent=rna%2C1; ID=cds"),
        ("mRNA", 1, 90, "+", ".", "Note=ID=no;Parent=g;ID=rna%2C1"),
        ("gene", 1, 90, "+", ".", "GeneID=7;ID=g"),
    )
    assert read(tmp_path, text)[0] == [gene("g", "+", ("rna,1", (0, 90, 0)))]


def test_cds_of_one_gene_with_several_ids_are_several_translations(tmp_path):
    text = gff3(
        ("gene", 1, 300, "+", ".", "ID=g"),
        ("CDS", 1, 90, "+", 0, "ID=long;Parent=g"),
        ("CDS", 31, 90, "+", 0, "ID=short;Parent=g"),
    )
    assert places(read(tmp_path, text)[0]) == {"g": [[(0, 90, 0)], [(30, 90, 0)]]}


@pytest.mark.parametrize(
    ("second", "found"),
    [
        ((101, 160), [[(0, 90, 0), (100, 160, 0)]]),  # each segment has an ID of its own
        ((61, 150), [[(0, 90, 0)], [(60, 150, 0)]]),  # two translations of one mRNA
    ],
)
def test_cds_of_one_mrna_with_several_ids_are_one_unless_they_overlap(tmp_path, second, found):
    text = gff3(
        ("mRNA", 1, 300, "+", ".", "ID=m"),
        ("CDS", 1, 90, "+", 0, "ID=one;Parent=m"),
        ("CDS", *second, "+", 0, "ID=two;Parent=m"),
    )
    assert places(read(tmp_path, text)[0]) == {"m": found}


def test_the_biotype_is_the_type_of_the_transcript_or_that_of_the_gene(tmp_path):
    text = gff3(
        ("ncRNA_gene", 1, 10, "+", ".", "ID=a;biotype=lncRNA"),
        ("lnc_RNA", 1, 10, "+", ".", "ID=a1;Parent=a;biotype=lncRNA"),
        ("gene", 21, 30, "+", ".", "ID=b;gene_biotype=misc_RNA"),
        ("transcript", 21, 30, "+", ".", "ID=b1;Parent=b"),
        ("gene", 41, 50, "+", ".", "ID=d;gene_biotype=V_segment"),
        ("exon", 41, 50, "+", ".", "ID=d1;Parent=d"),
        ("gene", 61, 70, "+", ".", "ID=e;biotype=protein_coding"),
        ("transcript", 61, 70, "+", ".", "ID=e1;Parent=e;biotype=retained_intron"),
        ("gene", 81, 90, "+", ".", "ID=f"),
        ("mRNA", 81, 90, "+", ".", "ID=f1;Parent=f"),
        ("exon", 81, 90, "+", ".", "Parent=f1"),
    )
    genes, oddities = read(tmp_path, text)
    kinds = {one.name: one.biotype for one in genes}
    assert kinds == {
        "a": "lnc_RNA",
        "b": "misc_RNA",
        "d": "V_segment",
        "e": "retained_intron",
        "f": "mRNA",
    }
    assert oddities == {"transcript without exon lines": 3, "mRNA without CDS": 1}


def test_products_within_a_transcript_are_no_transcripts(tmp_path):
    text = gff3(
        ("gene", 1, 90, "+", ".", "ID=g"),
        ("primary_transcript", 1, 90, "+", ".", "ID=p;Parent=g"),
        ("exon", 1, 90, "+", ".", "Parent=p"),
        ("miRNA", 11, 30, "+", ".", "ID=m;Parent=p"),
        ("exon", 11, 30, "+", ".", "Parent=m"),
        ("sig_peptide", 1, 9, "+", ".", "ID=s;Parent=cds"),
        ("intron", 1, 9, "+", ".", "Parent=p"),
        ("five_prime_UTR", 1, 9, "+", ".", "ID=u;Parent=p"),
    )
    want = gene("g", "+", ("p", (0, 90, None)), biotype="primary_transcript")
    assert read(tmp_path, text) == ([want], {})


def test_a_transcript_of_several_lines_without_exons_has_them_as_exons(tmp_path):
    text = gff3(
        ("gene", 1, 60, "-", ".", "ID=g"),
        ("tRNA", 31, 60, "-", ".", "ID=t;Parent=g"),
        ("tRNA", 1, 20, "-", ".", "ID=t;Parent=g"),
    )
    assert places(read(tmp_path, text)[0]) == {"g": [[(0, 20, None), (30, 60, None)]]}


# --- what is left out ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "oddity"),
    [
        ([("gene", 1, 90, "+", ".", "ID=g")], "gene without transcript"),
        ([("gene", 1, 90, "+", ".", "gene_name=C")], "gene without transcript"),
        (
            [
                ("gene", 1, 90, "+", ".", "ID=g;pseudo=true"),
                ("CDS", 1, 90, "+", 0, "ID=x;Parent=g"),
            ],
            "pseudogene",
        ),
        (
            [
                ("gene", 1, 90, "+", ".", "ID=g"),
                ("CDS", 1, 90, "+", 0, "ID=x;Parent=g;pseudogene=unknown"),
            ],
            "pseudogene",
        ),
        (
            [
                ("gene", 1, 90, "+", ".", "ID=g;biotype=transcribed_pseudogene"),
                ("exon", 1, 90, "+", ".", "ID=x;Parent=g"),
            ],
            "pseudogene",
        ),
        (
            [
                ("pseudogene", 1, 90, "+", ".", "ID=g"),
                ("pseudogenic_transcript", 1, 90, "+", ".", "ID=t;Parent=g"),
                ("pseudogenic_exon", 1, 90, "+", ".", "Parent=t"),
            ],
            "pseudogene",
        ),
        (
            [
                ("gene", 1, 90, "+", ".", "ID=g"),
                ("pseudogenic_transcript", 1, 90, "+", ".", "ID=t;Parent=g"),
            ],
            "pseudogene",
        ),
        (
            [
                ("transposable_element_gene", 1, 90, "+", ".", "ID=g"),
                ("mRNA_TE_gene", 1, 90, "+", ".", "ID=t;Parent=g"),
                ("exon", 1, 90, "+", ".", "Parent=t"),
            ],
            "gene of a transposable element",
        ),
        ([("tRNA", 1, 90, "?", ".", "ID=t")], "gene without strand"),
        (
            [("tRNA", 1, 90, "+", ".", "ID=t"), ("tRNA", 101, 110, "-", ".", "ID=t")],
            "trans-spliced gene",
        ),
        (
            [
                ("CDS", 701, 730, "-", 0, "ID=t"),
                ("CDS", 901, 931, "-", 0, "ID=t"),
                ("CDS", 801, 832, "-", 2, "ID=t"),
            ],
            "trans-spliced gene",
        ),
    ],
)
def test_a_gene_that_is_left_out_is_counted(tmp_path, lines, oddity):
    other = ("CDS", 201, 290, "+", 0, "ID=other")
    genes, oddities = read(tmp_path, gff3(*lines, other))
    assert places(genes) == {"other": [[(200, 290, 0)]]}
    assert oddities[oddity] == 1


def test_a_gene_on_a_contig_that_the_sample_lacks_is_counted(tmp_path):
    text = gff3(("CDS", 1, 90, "+", 0, "ID=a")) + line("CDS", 1, 90, "+", 0, "ID=a", seqid="d")
    genes, oddities = read(tmp_path, text, {"c.1": 90})
    assert genes == [gene("a", "+", ("a", (0, 90, 0)), contig="c.1")]
    assert oddities == {"CDS without gene line": 2, "contig not in the sample": 1}


def test_isoforms_that_are_left_out_do_not_take_their_gene_with_them(tmp_path):
    text = gff3(
        ("gene", 1, 300, "+", ".", "ID=g"),
        ("mRNA", 1, 90, "+", ".", "ID=m;Parent=g"),
        ("CDS", 1, 90, "+", 0, "ID=x;Parent=m"),
        ("ncRNA", 1, 290, "+", ".", "ID=n;Parent=g"),
        ("exon", 1, 290, "+", ".", "Parent=n"),
        ("mRNA", 1, 90, "+", ".", "ID=t;Parent=g"),
        ("CDS", 1, 90, "+", 0, "ID=y;Parent=t"),
        ("CDS", 101, 190, "-", 0, "ID=y;Parent=t"),
        ("mRNA", 1, 90, "-", ".", "ID=r;Parent=g"),
        ("CDS", 1, 60, "-", 0, "ID=z;Parent=r"),
    )
    genes, oddities = read(tmp_path, text)
    assert genes == [gene("g", "+", ("m", (0, 90, 0)))]
    assert oddities == {"untranslated isoform": 1, "isoform left out": 2}


def test_the_second_feature_of_an_id_is_ignored(tmp_path):
    text = gff3(
        ("gene", 1, 90, "+", ".", "ID=g"),
        ("mRNA", 1, 90, "+", ".", "ID=g;Parent=g"),
        ("CDS", 1, 90, "+", 0, "Parent=g"),
    )
    genes, oddities = read(tmp_path, text)
    assert places(genes) == {"g": [[(0, 90, 0)]]}
    assert oddities["ID of several features"] == 1


# --- errors --------------------------------------------------------------------------------------


def test_bad_lines_give_one_sentence(tmp_path):
    assert error(tmp_path, gff3(("exon", 1, 9, "x", ".", "Parent=a"))) == (
        "x line 2: the strand is 'x', not one of + - . ?; correct it"
    )
    assert error(tmp_path, "##gff-version 3\nc\tx\tgene\t1\n") == (
        "x line 2: GFF3 has 9 columns separated by tabs, but this line has 4; correct it"
    )


def test_several_files_are_read_together(tmp_path):
    (tmp_path / "a").write_text(gff3(("CDS", 101, 190, "+", 0, "ID=a")))
    (tmp_path / "b").write_text(gff3(("CDS", 1, 90, "+", 0, "ID=b")))
    genes, _ = read_genes([str(tmp_path / "a"), str(tmp_path / "b")], {"c": 1000})
    assert [one.name for one in genes] == ["b", "a"]
