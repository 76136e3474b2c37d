"""Genes read from GFF3: phases, partial genes, canonical transcripts and circles."""

import pytest
from gene_data import circle, error, gene, gff3, line, places, read

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
