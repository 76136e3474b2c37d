"""Genes read from GTF and GenBank files."""

import pytest
from gene_data import error, genbank, gene, gene_lists, line, places, read
from hypothesis import given
from hypothesis import strategies as st

# --- GTF -----------------------------------------------------------------------------------------


def ids(gene_id, transcript_id, others=""):
    return f'gene_id "{gene_id}"; transcript_id "{transcript_id}"; {others}'


def gtf(*lines):
    return "#!genome-build x\n" + "".join(line(*columns) for columns in lines)


def test_an_ensembl_gtf_has_the_stop_codon_beside_the_cds(tmp_path):
    biotypes = 'gene_biotype "protein_coding"; transcript_biotype "protein_coding";'
    text = gtf(
        ("gene", 1, 400, "+", ".", 'gene_id "G"; gene_biotype "protein_coding";'),
        ("transcript", 1, 400, "+", ".", ids("G", "T1", biotypes + 'tag "basic";')),
        ("exon", 1, 100, "+", ".", ids("G", "T1", biotypes)),
        ("CDS", 11, 100, "+", 0, ids("G", "T1", biotypes)),
        ("start_codon", 11, 13, "+", 0, ids("G", "T1", biotypes)),
        ("exon", 201, 300, "+", ".", ids("G", "T1", biotypes)),
        ("CDS", 201, 230, "+", 0, ids("G", "T1", biotypes)),
        ("stop_codon", 231, 233, "+", 0, ids("G", "T1", biotypes)),
        ("three_prime_utr", 234, 300, "+", ".", ids("G", "T1", biotypes)),
        ("transcript", 1, 100, "+", ".", ids("G", "T2", 'tag "basic"; tag "Ensembl_canonical";')),
        ("CDS", 11, 98, "+", 0, ids("G", "T2")),
        ("stop_codon", 99, 100, "+", 0, ids("G", "T2")),
        ("stop_codon", 201, 201, "+", 1, ids("G", "T2")),
        ("transcript", 1, 90, "+", ".", ids("G", "T3", 'transcript_biotype "retained_intron";')),
        ("exon", 1, 90, "+", ".", ids("G", "T3")),
    )
    genes, oddities = read(tmp_path, text)
    assert places(genes) == {"G": [[(10, 100, 0), (200, 201, 0)], [(10, 100, 0), (200, 233, 0)]]}
    assert genes[0].biotype == "CDS"
    assert oddities["stop codon beside its CDS"] == 2
    assert oddities["untranslated isoform"] == 1


def test_on_the_reverse_strand_the_stop_codon_is_on_the_left(tmp_path):
    for order in (1, -1):
        cds = [("CDS", 4, 30, "-", 1, ids("G", "T")), ("CDS", 41, 60, "-", 0, ids("G", "T"))]
        text = gtf(*cds[::order], ("stop_codon", 1, 3, "-", 0, ids("G", "T")))
        assert places(read(tmp_path, text)[0]) == {"G": [[(0, 30, 1), (40, 60, 0)]]}
        split = [("stop_codon", 1, 2, "-", 0, ids("G", "T"))]
        split += [("stop_codon", 35, 35, "-", 0, ids("G", "T"))]
        cds = [("CDS", 36, 60, "-", 0, ids("G", "T")), ("CDS", 71, 90, "-", 0, ids("G", "T"))]
        text = gtf(*cds[::order], *split[::order])
        assert places(read(tmp_path, text)[0]) == {"G": [[(0, 2, 2), (34, 60, 1), (70, 90, 0)]]}


@pytest.mark.parametrize("has_genes", [True, False])
def test_a_bare_gtf_of_augustus_has_the_stop_codon_in_the_cds(tmp_path, has_genes):
    bare = [("gene", 1, 90, "-", ".", "g1"), ("transcript", 1, 90, "-", ".", "g1.t1")]
    parts = [
        ("stop_codon", 1, 3, "-", 0, ids("g1", "g1.t1")),
        ("CDS", 1, 30, "-", 0, ids("g1", "g1.t1")),
        ("intron", 31, 60, "-", ".", ids("g1", "g1.t1")),
        ("CDS", 61, 90, "-", 0, ids("g1", "g1.t1")),
    ]
    text = gtf(*bare * has_genes, *parts)
    genes, oddities = read(tmp_path, text)
    assert genes == [gene("g1", "-", ("g1.t1", (0, 30, 0), (60, 90, 0)))]
    assert oddities == {}


def test_genes_of_a_gtf_without_translation_have_the_biotype_of_their_transcript(tmp_path):
    text = gtf(
        ("transcript", 1, 60, "+", ".", ids("a", "a1", 'transcript_type "lncRNA";')),
        ("exon", 1, 20, "+", ".", ids("a", "a1")),
        ("exon", 31, 60, "+", ".", ids("a", "a1")),
        ("gene", 101, 160, "+", ".", 'gene_id "b"; transcript_id ""; gene_biotype "tRNA";'),
        ("exon", 101, 160, "+", ".", ids("b", "unassigned_transcript_1")),
        ("rRNA", 201, 290, "+", ".", ids("d", "d1")),
        ("gene", 301, 390, "+", ".", 'gene_id "e"; gene_biotype "tRNA";'),
        ("gene", 401, 490, "+", ".", 'gene_id "f"; gene_type "unprocessed_pseudogene";'),
        ("exon", 401, 490, "+", ".", ids("f", "f1")),
        ("exon", 501, 590, "+", ".", ids("h", "h1", 'transcript_type "processed_pseudogene"')),
    )
    genes, oddities = read(tmp_path, text)
    assert genes == [
        gene("a", "+", ("a1", (0, 20, None), (30, 60, None)), biotype="lncRNA"),
        gene("b", "+", ("unassigned_transcript_1", (100, 160, None)), biotype="tRNA"),
        gene("d", "+", ("d1", (200, 290, None)), biotype="rRNA"),
    ]
    assert oddities == {
        "transcript without exon lines": 1,
        "gene without transcript": 1,
        "pseudogene": 2,
    }


def test_a_gtf_line_without_gene_is_an_error(tmp_path):
    assert error(tmp_path, gtf(("CDS", 1, 9, "+", 0, 'transcript_name "x";'))) == (
        "x line 2: it has neither gene_id nor transcript_id; correct it"
    )
    assert error(tmp_path, gtf(("gene", 1, 9, "+", ".", 'gene_id "x"')) + "c\t1\n") == (
        "x line 3: GTF has 9 columns separated by tabs, but this line has 2; correct it"
    )


def without_stop(transcript, strand):
    """The exons without the last three bases in the order of reading, and these bases."""
    bases = [base for exon in transcript.exons for base in range(exon.start, exon.end)]
    stop = set(bases[-3:] if strand == "+" else bases[:3])
    for exon in transcript.exons:
        kept = [base for base in range(exon.start, exon.end) if base not in stop]
        last = [base for base in range(exon.start, exon.end) if base in stop]
        if kept:
            yield "CDS", kept[0], kept[-1] + 1, exon.phase
        if last:
            yield "stop_codon", last[0], last[-1] + 1, (exon.phase - len(kept)) % 3


@given(gene_lists(), st.booleans())
def test_any_genes_written_as_gtf_read_back_equal(tmp_path_factory, genes, has_stop):
    genes = [
        one
        for one in genes
        if all(sum(e.end - e.start for e in t.exons) > 3 for t in one.transcripts)
    ]
    lines = ['c\tx\tgene\t1\t9\t.\t+\t.\tgene_id "none";\n']
    for one in genes:
        names = ("cds_start_NF", "cds_end_NF")[:: 1 if one.strand == "+" else -1]
        sides = (one.partial_left, one.partial_right)
        for transcript in one.transcripts:
            tags = [name for name, side in zip(names, sides, strict=True) if side]
            tags += ["MANE_Select"] * (transcript is one.canonical)
            attributes = "".join(f'tag "{tag}"; ' for tag in tags)
            if one.genetic_code:
                attributes += f'transl_table "{one.genetic_code}";'
            is_coding = one.biotype == "CDS"
            parts = [("CDS" if is_coding else "exon", *exon) for exon in transcript.exons]
            if is_coding and has_stop:
                parts = list(without_stop(transcript, one.strand))
            for kind, start, end, phase in [(one.biotype, 0, 9, None)] * (not is_coding) + parts:
                text = ids(one.name, transcript.name, attributes)
                phase = "." if phase is None else phase
                lines.append(line(kind, start + 1, end, one.strand, phase, text, one.contig))
    lengths = {"c": 1000, "d": 1000}
    found, oddities = read(tmp_path_factory.mktemp("x"), "".join(lines), lengths)
    assert found == genes
    assert "wrong phase" not in oddities


# --- GenBank -------------------------------------------------------------------------------------


def test_features_of_one_locus_tag_are_a_gene(tmp_path):
    text = genbank(
        ("source", "1..1000"),
        ("gene", "1..400", 'gene="abc"', 'locus_tag="L1"'),
        ("mRNA", "join(1..100,201..400)", 'gene="abc"', 'locus_tag="L1"'),
        (
            "CDS",
            "join(11..100,201..230)",
            'gene="abc"',
            'locus_tag="L1"',
            'protein_id="P1"',
            "transl_table=4",
        ),
        ("CDS", "join(11..100,204..230)", 'locus_tag="L1"', 'protein_id="P2"'),
        ("gene", "complement(501..570)", 'locus_tag="L2"'),
        ("tRNA", "complement(join(501..520,531..570))", 'locus_tag="L2"'),
        ("gene", "601..690", 'locus_tag="L3"', "pseudo"),
        ("CDS", "601..690", 'locus_tag="L3"', "pseudo"),
        ("gene", "701..790", 'locus_tag="L4"'),
        ("misc_feature", "701..790", 'locus_tag="L4"'),
        ("CDS", "complement(801..890)", 'locus_tag="L5"', "codon_start=2"),
    )
    want = [
        gene(
            "L1",
            "+",
            ("P1", (10, 100, 0), (200, 230, 0)),
            ("P2", (10, 100, 0), (203, 230, 0)),
            genetic_code=4,
        ),
        gene("L2", "-", ("L2", (500, 520, None), (530, 570, None)), biotype="tRNA"),
        gene("L5", "-", ("L5", (800, 890, 1))),
    ]
    assert read(tmp_path, text) == (
        want,
        {
            "several isoforms": 1,
            "other genetic code": 1,
            "pseudogene": 1,
            "gene without transcript": 1,
            "CDS without gene line": 1,
            "CDS not of whole codons": 1,
        },
    )


def test_genes_of_one_name_at_two_places_are_two(tmp_path):
    text = genbank(
        ("tRNA", "1..70", 'gene="trnL"'),
        ("tRNA", "101..170", 'gene="trnL"'),
        ("gene", "201..290", 'gene="rpl2"'),
        ("CDS", "201..290", 'gene="rpl2"'),
        ("gene", "301..390"),
        ("CDS", "301..390"),
        ("CDS", "310..390"),
        ("CDS", "401..490"),
        ("CDS", "404..490"),
    )
    genes, oddities = read(tmp_path, text)
    assert places(genes) == {
        "trnL": [[(100, 170, None)]],
        "rpl2": [[(200, 290, 0)]],
        "gene at 301": [[(300, 390, 0)], [(309, 390, 0)]],
        "CDS at 401": [[(400, 490, 0)]],
        "CDS at 404": [[(403, 490, 0)]],
    }
    assert len(genes) == 6
    assert oddities["CDS without gene line"] == 2


def test_partial_slipping_and_trans_spliced_genbank_genes(tmp_path):
    text = genbank(
        ("CDS", "<1..90", 'locus_tag="left"'),
        ("CDS", "complement(101..>189)", 'locus_tag="right"'),
        ("CDS", "complement(join(<201..230,241..>270))", 'locus_tag="both"'),
        ("CDS", "join(301..400,400..500)", 'locus_tag="slips"', "ribosomal_slippage"),
        ("CDS", "join(complement(511..540),551..580)", 'locus_tag="spliced"', "trans_splicing"),
        ("CDS", "join(701..730,601..630)", 'locus_tag="disorder"', "trans_splicing"),
        ("CDS", "join(complement(901..930),complement(951..980))", 'locus_tag="turned"'),
        ("CDS", "join(AB1.1:5..10,811..820)", 'locus_tag="elsewhere"'),
    )
    genes, oddities = read(tmp_path, text)
    assert {one.name: (one.partial_left, one.partial_right) for one in genes} == {
        "left": (True, False),
        "right": (False, True),
        "both": (True, True),
        "slips": (False, False),
    }
    assert places(genes)["slips"] == [[(300, 400, 0), (399, 500, 2)]]
    assert oddities["ribosomal slippage"] == 1
    assert oddities["trans-spliced gene"] == 3
    assert oddities["gene of several records"] == 1


def test_a_genbank_gene_across_the_origin_is_cut_there(tmp_path):
    text = genbank(
        ("gene", "join(991..1000,1..20)", 'locus_tag="a"'),
        ("CDS", "join(991..1000,1..20)", 'locus_tag="a"'),
        ("CDS", "complement(join(951..1000,1..10,31..50))", 'locus_tag="b"'),
        ("CDS", "join(901..930,101..130)", 'locus_tag="intron"'),
        ("tRNA", "join(1..30,961..1000)", 'locus_tag="around"'),
        topology="circular",
    )
    genes, oddities = read(tmp_path, text)
    assert places(genes) == {
        "a.2": [[(0, 20, 2)]],
        "around": [[(0, 30, None), (960, 1000, None)]],
        "b.2": [[(0, 10, 1), (30, 50, 0)]],
        "intron.2": [[(100, 130, 0)]],
        "intron.1": [[(900, 930, 0)]],
        "b.1": [[(950, 1000, 0)]],
        "a.1": [[(990, 1000, 0)]],
    }
    assert oddities["gene across the origin"] == 3


def test_a_genbank_gene_of_unclear_location_is_counted(tmp_path):
    text = genbank(("CDS", "991..9", 'locus_tag="a"'), ("CDS", "11..19", 'locus_tag="b"'))
    genes, oddities = read(tmp_path, text)
    assert places(genes) == {"b": [[(10, 19, 0)]]}
    assert oddities["gene of unclear location"] == 1
