"""Genes read from GFF3: every oddity of real files, with the exact genes that come out."""

from dataclasses import replace

import pytest
from gene_data import circle, error, exon_lists, gene, gene_lists, gff3, line, places, read
from hypothesis import given
from hypothesis import strategies as st

from seqloom.errors import InputError
from seqloom.seqs.gene_index import read_gene_index, write_gene_index
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


# --- phases, codes, partial genes, canonical transcripts -----------------------------------------


def test_missing_and_wrong_phases_follow_from_the_first(tmp_path):
    text = gff3(
        ("CDS", 1, 10, "-", ".", "ID=a"),
        ("CDS", 21, 30, "-", 2, "ID=a"),
        ("CDS", 101, 110, "+", 1, "ID=b"),
        ("CDS", 121, 132, "+", 2, "ID=b"),
        ("CDS", 201, 290, "+", ".", "ID=d"),
    )
    genes, oddities = read(tmp_path, text)
    assert places(genes) == {
        "a": [[(0, 10, 1), (20, 30, 2)]],
        "b": [[(100, 110, 1), (120, 132, 0)]],
        "d": [[(200, 290, 0)]],
    }
    assert (oddities["missing phase"], oddities["wrong phase"]) == (2, 1)


def test_a_slipping_frame_keeps_the_phases_of_the_file(tmp_path):
    text = gff3(
        ("CDS", 1, 100, "+", 0, "ID=back"),
        ("CDS", 100, 200, "+", 2, "ID=back"),
        ("CDS", 301, 330, "+", 0, "ID=skip;exception=ribosomal slippage"),
        ("CDS", 332, 361, "+", 1, "ID=skip;exception=ribosomal slippage"),
        ("CDS", 900, 1000, "-", ".", "ID=turned"),
        ("CDS", 801, 900, "-", ".", "ID=turned"),
    )
    genes, oddities = read(tmp_path, text)
    assert places(genes) == {
        "back": [[(0, 100, 0), (99, 200, 2)]],
        "skip": [[(300, 330, 0), (331, 361, 1)]],
        "turned": [[(800, 900, 1), (899, 1000, 0)]],
    }
    assert oddities["ribosomal slippage"] == 3


def test_lines_in_no_order_are_sorted_if_only_that_fits_their_phases(tmp_path):
    text = gff3(
        ("CDS", 301, 310, "+", 0, "ID=a"),
        ("CDS", 101, 111, "+", 0, "ID=a"),
        ("CDS", 201, 210, "+", 1, "ID=a"),
    )
    genes, _ = read(tmp_path, text)
    assert places(genes) == {"a": [[(100, 111, 0), (200, 210, 1), (300, 310, 0)]]}


def test_the_genetic_code_of_the_annotation_is_kept(tmp_path):
    text = gff3(*(("CDS", n, n + 8, "+", 0, f"ID={n};transl_table={n}") for n in (1, 4, 11)))
    genes, oddities = read(tmp_path, text)
    assert [one.genetic_code for one in genes] == [1, 4, 11]
    assert oddities["other genetic code"] == 1


def test_partial_genes_are_marked_on_their_sides(tmp_path):
    text = gff3(
        ("gene", 1, 90, "+", ".", "ID=g;partial=true;start_range=.,1;end_range=90,."),
        ("mRNA", 1, 90, "+", ".", "ID=m;Parent=g;partial=true;start_range=.,1;end_range=90,."),
        ("CDS", 1, 90, "+", 0, "ID=whole;Parent=m"),
        ("CDS", 101, 189, "-", 1, "ID=left;partial=true;start_range=.,101"),
        ("CDS", 201, 220, "+", 0, "ID=right;partial=true"),
        ("CDS", 231, 241, "+", 1, "ID=right;partial=true;end_range=241,."),
        ("CDS", 900, 1000, "+", 0, "ID=edge;partial=true"),
        ("CDS", 801, 890, "+", 0, "ID=unknown;partial=true"),
        ("tRNA", 301, 390, "+", ".", "ID=t;partial=true;start_range=.,301"),
    )
    genes, oddities = read(tmp_path, text)
    assert {one.name: (one.partial_left, one.partial_right) for one in genes} == {
        "g": (False, False),
        "left": (True, False),
        "right": (False, True),
        "edge": (False, True),
        "unknown": (False, False),
        "t": (True, False),
    }
    assert oddities["partial gene"] == 4
    assert oddities["partial gene of unknown side"] == 1
    assert "CDS not of whole codons" not in oddities


@pytest.mark.parametrize(
    ("tags", "first"),
    [
        (("", "", ""), "b"),  # the longest
        (("tag=RefSeq Select", "", ""), "a"),
        (("tag=RefSeq Select", "tag=basic", "tag=basic,Ensembl_canonical"), "c"),
        (("tag=MANE Plus Clinical", "tag=Ensembl_canonical", "tag=MANE_Select"), "c"),
        (("tag=MANE Select", "tag=Ensembl_canonical", ""), "a"),
    ],
)
def test_the_canonical_transcript_is_first_and_the_others_keep_their_order(tmp_path, tags, first):
    lines = [("gene", 1, 300, "+", ".", "ID=g")]
    for name, end, tag in zip("abc", (60, 90, 30), tags, strict=True):
        lines.append(("mRNA", 1, end, "+", ".", f"ID={name};Parent=g;{tag}"))
        lines.append(("CDS", 1, end, "+", 0, f"ID=cds-{name};Parent={name}"))
    [found], _ = read(tmp_path, gff3(*lines))
    names = [transcript.name for transcript in found.transcripts]
    assert names == [first, *(name for name in "abc" if name != first)]


def test_of_transcripts_of_one_length_that_of_most_exons_is_canonical_then_the_first_name(tmp_path):
    lines = [("gene", 1, 300, "+", ".", "ID=g")]
    for name, cuts in ("d", [(1, 60)]), ("c", [(1, 30), (41, 70)]), ("b", [(1, 30), (51, 80)]):
        lines.append(("mRNA", 1, 300, "+", ".", f"ID={name};Parent=g"))
        lines += [("CDS", start, end, "+", 0, f"Parent={name}") for start, end in cuts]
    [found], _ = read(tmp_path, gff3(*lines))
    assert [transcript.name for transcript in found.transcripts] == ["b", "d", "c"]


def test_nested_and_antisense_genes_are_kept_and_counted(tmp_path):
    text = gff3(
        ("CDS", 1, 300, "+", 0, "ID=host"),
        ("CDS", 31, 60, "+", 0, "ID=inner"),
        ("CDS", 91, 120, "-", 0, "ID=opposite"),
        ("CDS", 291, 380, "-", 0, "ID=tail"),
        ("CDS", 401, 490, "-", 0, "ID=apart"),
    )
    genes, oddities = read(tmp_path, text)
    assert [one.name for one in genes] == ["host", "inner", "opposite", "tail", "apart"]
    assert (oddities["nested gene"], oddities["antisense gene"]) == (2, 2)


def test_genes_come_in_the_order_of_contigs_then_by_place_and_name(tmp_path):
    columns = [("d", 1, 9), ("c", 31, 39), ("c", 1, 30), ("c", 1, 12), ("c", 1, 12)]
    text = "##gff-version 3\n" + "".join(
        line("CDS", start, end, "+", 0, f"ID={9 - number}", seqid)
        for number, (seqid, start, end) in enumerate(columns)
    )
    genes, _ = read(tmp_path, text, {"d": 90, "c": 90})
    assert [one.name for one in genes] == ["9", "5", "6", "7", "8"]


# --- circular contigs ----------------------------------------------------------------------------


def test_a_gene_across_the_origin_becomes_two_partial_genes(tmp_path):
    text = gff3(
        circle(1000),
        ("gene", 990, 1020, "+", ".", "ID=g"),
        ("CDS", 990, 1020, "+", 0, "ID=p;Parent=g;transl_table=11"),
        ("gene", 981, 1010, "-", ".", "ID=h"),
        ("CDS", 981, 1010, "-", 0, "ID=q;Parent=h"),
    )
    genes, oddities = read(tmp_path, text)
    assert genes == [
        gene("h.2", "-", ("q", (0, 10, 0)), partial_left=True),
        gene("g.2", "+", ("p", (0, 20, 1)), partial_left=True, genetic_code=11),
        gene("h.1", "-", ("q", (980, 1000, 2)), partial_right=True),
        gene("g.1", "+", ("p", (989, 1000, 0)), partial_right=True, genetic_code=11),
    ]
    assert oddities["gene across the origin"] == 2


def test_exons_on_both_ends_of_a_contig_tell_by_their_order_that_they_cross_the_origin(tmp_path):
    ends = [("CDS", 961, 1000, "+", 0, "ID=g"), ("CDS", 1, 20, "+", 2, "ID=g")]
    crossing = {"g.2": [[(0, 20, 2)]], "g.1": [[(960, 1000, 0)]]}
    assert places(read(tmp_path, gff3(*ends))[0]) == crossing
    # Sorted lines do not tell; the circle does.
    assert places(read(tmp_path, gff3(circle(1000), *ends[::-1]))[0]) == crossing
    linear, _ = read(tmp_path, gff3(*ends[::-1]))
    assert places(linear) == {"g": [[(0, 20, 2), (960, 1000, 0)]]}


def test_isoforms_of_a_gene_across_the_origin_stay_together(tmp_path):
    text = gff3(
        circle(1000),
        ("gene", 901, 1200, "+", ".", "ID=g"),
        ("CDS", 901, 1200, "+", 0, "ID=long;Parent=g"),
        ("CDS", 101, 200, "+", 0, "ID=short;Parent=g"),
    )
    genes, _ = read(tmp_path, text)
    assert places(genes) == {"g.2": [[(0, 200, 2)], [(100, 200, 0)]], "g.1": [[(900, 1000, 0)]]}


def test_a_gene_around_a_small_circle_more_than_once_has_a_part_for_each_time(tmp_path):
    text = gff3(circle(10), ("CDS", 9, 25, "-", 1, "ID=g"))
    genes, _ = read(tmp_path, text, {"c": 10})
    assert places(genes) == {"g.3": [[(0, 5, 1)]], "g.2": [[(0, 10, 2)]], "g.1": [[(8, 10, 1)]]}
    sides = {one.name: (one.partial_left, one.partial_right) for one in genes}
    assert sides == {"g.1": (False, True), "g.2": (True, True), "g.3": (True, False)}


@pytest.mark.parametrize(("kind", "phase", "name"), [("CDS", 0, "CDS"), ("tRNA", ".", "exon")])
def test_an_exon_beyond_a_linear_contig_is_an_error(tmp_path, kind, phase, name):
    assert error(tmp_path, gff3((kind, 990, 1001, "+", phase, "ID=a"))) == (
        f'x line 2: a {name} at 990-1001, but contig "c" has 1000 bases; '
        "give the annotation of this sequence"
    )


# --- any genes -----------------------------------------------------------------------------------


def written(genes):
    lines = ["##gff-version 3\n"]
    for one in genes:
        row = {"strand": one.strand, "seqid": one.contig}
        lines.append(line("gene", one.start + 1, one.end, attributes=f"ID={one.name}", **row))
        for transcript in one.transcripts:
            ranges = ["partial=true"] * (one.partial_left or one.partial_right)
            ranges += [f"start_range=.,{transcript.start + 1}"] * one.partial_left
            ranges += [f"end_range={transcript.end},."] * one.partial_right
            code = [f"transl_table={one.genetic_code}"] * (one.genetic_code is not None)
            tag = ["tag=MANE Select"] * (transcript is one.canonical)
            kind = "mRNA" if one.biotype == "CDS" else one.biotype
            own = [f"ID={transcript.name}", f"Parent={one.name}", *tag]
            own += ranges if kind != "mRNA" else []
            begin, end = transcript.start + 1, transcript.end
            lines.append(line(kind, begin, end, attributes=";".join(own), **row))
            part = "CDS" if kind == "mRNA" else "exon"
            below = ";".join([f"Parent={transcript.name}", *code, *ranges])
            lines += [
                line(
                    part, exon.start + 1, exon.end, phase=phase_text(exon), attributes=below, **row
                )
                for exon in transcript.exons
            ]
    return "".join(lines)


def phase_text(exon):
    return "." if exon.phase is None else exon.phase


@given(gene_lists())
def test_any_genes_written_as_gff3_read_back_equal(tmp_path_factory, genes):
    lengths = {"c": 1000, "d": 1000}
    assert read(tmp_path_factory.mktemp("x"), written(genes), lengths)[0] == genes


@given(gene_lists(), st.data())
def test_the_order_of_lines_has_no_effect_on_sorted_exons(tmp_path_factory, genes, data):
    single = [replace(one, transcripts=one.transcripts[:1]) for one in genes]
    head, *lines = written(single).splitlines(keepends=True)
    lines = data.draw(st.permutations(lines))
    lines.sort(key=lambda text: int(text.split("\t")[3]))
    folder, lengths = tmp_path_factory.mktemp("x"), {"c": 1000, "d": 1000}
    assert sorted(read(folder, head + "".join(lines), lengths)[0], key=repr) == sorted(
        single, key=repr
    )


@given(st.data())
def test_any_gene_on_a_circle_is_cut_at_the_origin(tmp_path_factory, data):
    length, strand = 100, data.draw(st.sampled_from("+-"))
    first_phase = data.draw(st.integers(0, 2))
    exons = list(data.draw(exon_lists(0, 50, strand, first_phase)))
    crossing = data.draw(st.integers(0, len(exons) - 1))
    if exons[crossing].end - exons[crossing].start < 2:
        return
    cut = data.draw(st.integers(exons[crossing].start + 1, exons[crossing].end - 1))
    shift = length - cut  # the origin is inside an exon
    want = {"g.1": [], "g.2": []}
    for start, end, phase in exons:
        for name, low, high in ("g.1", start, min(end, cut)), ("g.2", max(start, cut), end):
            if low < high:
                skipped = low - start if strand == "+" else end - high
                place = (low + shift) % length
                want[name].append((place, place + high - low, (phase - skipped) % 3))
    lines = []
    for start, end, phase in exons if strand == "+" else exons[::-1]:
        begin = (start + shift) % length
        lines.append(("CDS", begin + 1, begin + end - start, strand, phase, "ID=g"))
    folder = tmp_path_factory.mktemp("x")
    genes, _ = read(folder, gff3(circle(length), *lines), {"c": length})
    assert places(genes) == {name: [sorted(parts)] for name, parts in want.items()}


# --- the index -----------------------------------------------------------------------------------


@given(gene_lists())
def test_an_index_gives_back_the_same_genes_and_bytes(tmp_path_factory, genes):
    folder = tmp_path_factory.mktemp("x")
    oddities = {"wrong phase": 2, "pseudogene": 1}
    write_gene_index(folder / "a.json", genes, oddities, ["f00", "ba2"])
    found = read_gene_index(folder / "a.json")
    assert found == (genes, oddities, ["f00", "ba2"])
    write_gene_index(folder / "b.json", *found)
    assert (folder / "a.json").read_bytes() == (folder / "b.json").read_bytes()


def test_a_damaged_index_is_an_error(tmp_path):
    path = tmp_path / "a.json"
    write_gene_index(path, [gene("g", "+", ("t", (0, 9, 0)))], {}, [])
    for wrong in (path.read_text()[:-9], path.read_text().replace("strand", "band"), "[]"):
        path.write_text(wrong)
        with pytest.raises(InputError, match=r"a\.json"):
            read_gene_index(path)


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
