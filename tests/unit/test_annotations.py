"""Coding sequences read from GFF3 and GenBank: both give the same, in the right frame."""

import bz2
import gzip
import logging
import lzma
from io import StringIO
from itertools import pairwise

import pytest
from backports import zstd
from Bio import SeqIO
from Bio.Seq import Seq
from Bio.SeqFeature import CompoundLocation, SeqFeature, SimpleLocation
from Bio.SeqRecord import SeqRecord
from facts import code_of, genome_file, if_shared, sequences_of
from hypothesis import given
from hypothesis import strategies as st

from seqloom.demo.demo_files import genbank, gff3
from seqloom.demo.simulate import simulate
from seqloom.errors import InputError
from seqloom.seqs.annotations import SCHEMA, read_annotations

# Real annotations with their numbers of CDS and of segments.
ANNOTATIONS = {
    ("hepatitis_b", "gff"): (7, 10),
    ("hepatitis_b", "gbff"): (7, 10),
    ("hiv_1", "gff"): (18, 21),
    ("influenza_a_korea", "gff"): (14, 17),
    ("influenza_a_korea", "gbff"): (12, 15),
    ("mycoplasma_mycoides", "gff"): (3, 4),  # and a pseudogene
    ("mycoplasma_mycoides", "gbff"): (3, 4),
    ("phage_vt2_sakai", "gff"): (10, 10),
    ("phage_vt2_sakai", "gbff"): (10, 10),
    ("saccharomyces_cerevisiae", "gff"): (3, 5),
}
WHOLE_GENOMES = {
    "animal/caenorhabditis_elegans_1pct": (260, 2014),
    "bacteria/mycoplasmoides_alvi_ATCC29626": (679, 679),  # and 7 pseudogenes
    "plant/arabidopsis_thaliana_TAIR10_1pct": (460, 2420),
    "plant/arabidopsis_thaliana_chloroplast_NC_000932": (85, 104),
    "viral/enterobacteria_phage_T4_NC_000866": (278, 282),
    "viral/hepatitis_A_virus_NC_001489": (2, 12),  # mature peptides without ID share two parents
}
# Segments with a stop inside, which the annotation explains.
STOPS = {
    ("NC_001802", 8342): "nef: transl_except, a stop in place of a tryptophan at codon 124",
}
every_annotation = pytest.mark.parametrize(
    ("genome", "kind", "counts"),
    [(*annotation, counts) for annotation, counts in ANNOTATIONS.items()]
    + [if_shared(genome, "gff", counts) for genome, counts in WHOLE_GENOMES.items()],
)


def read_genome(genome, kind):
    """The sequences of a genome in upper case, and the rows of its annotation."""
    sequences = sequences_of(genome_file(genome, "fa"))
    lengths = {name: len(sequence) for name, sequence in sequences.items()}
    table = read_annotations([str(genome_file(genome, kind))], lengths, code_of(genome))
    return {name: Seq(text.upper()) for name, text in sequences.items()}, table.to_pylist()


def bases_of(contigs, row):
    part = contigs[row["contig"]][row["start"] : row["end"]]
    return part if row["strand"] == "+" else part.reverse_complement()


def translated(bases, genome):
    return str(bases[: len(bases) // 3 * 3].translate(code_of(genome)))


def read(folder, text, lengths=None, genetic_code=11, name="x"):
    """The rows (contig, start, end, strand, phase, cds, translation) of an annotation."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    table = read_annotations([str(path)], {"c": 1000} if lengths is None else lengths, genetic_code)
    assert table.schema == SCHEMA
    return [tuple(row.values()) for row in table.to_pylist()]


def places(rows):
    return [row[1:5] for row in rows]


def error(folder, text, lengths=None):
    """The error sentence, without the folder of the test."""
    with pytest.raises(InputError) as caught:
        read(folder, text, lengths)
    return str(caught.value).replace(f"{folder}/", "")


def cds_line(start, end, strand="+", phase=0, attributes="ID=p", seqid="c", kind="CDS"):
    return (
        "\t".join(map(str, (seqid, "x", kind, start, end, ".", strand, phase, attributes))) + "\n"
    )


def gbff(*features, topology="linear", version="c", name="c"):
    """A GenBank record of 1000 bases; features are (location, qualifier, ...)."""
    lines = [f"LOCUS       {name:<16} {1000:>11} bp    DNA     {topology:<8} BCT 01-JAN-2000"]
    lines += ["DEFINITION  .", f"ACCESSION   {version}", f"VERSION     {version}"]
    lines += ["FEATURES             Location/Qualifiers"]
    for location, *qualifiers in features:
        lines.append(f"     CDS             {location}")
        lines += [f"                     /{qualifier}" for qualifier in qualifiers]
    return "\n".join([*lines, "ORIGIN", "//"]) + "\n"


def whole_codons(rows):
    """The positions of the bases of every codon in our rows, in the order of reading."""
    for _, start, end, strand, phase, *_ in rows:
        bases = range(start, end) if strand == "+" else range(end - 1, start - 1, -1)
        for first in range(phase, len(bases) - 2, 3):
            yield tuple(bases[first : first + 3])


# --- real genomes -------------------------------------------------------------------------------


@every_annotation
def test_real_genomes_have_the_known_numbers_of_cds_and_segments(genome, kind, counts):
    _, rows = read_genome(genome, kind)
    assert (len({row["cds"] for row in rows}), len(rows)) == counts


@every_annotation
def test_segments_of_real_cds_have_no_stop_inside_except_known_ones(genome, kind, counts):
    contigs, rows = read_genome(genome, kind)
    found = {
        (row["contig"], row["start"])
        for row in rows
        if "*" in translated(bases_of(contigs, row)[row["phase"] :], genome)[:-1]
    }
    assert found == {place for place in STOPS if place[0] in contigs}


@every_annotation
def test_real_phases_follow_from_segment_lengths(genome, kind, counts, tmp_path):
    contigs, rows = read_genome(genome, kind)
    records = {name: record_of(name, sequence, []) for name, sequence in contigs.items()}
    for number in range(counts[0]):
        parts = [row for row in rows if row["cds"] == number]
        rising = all(a["start"] < b["start"] for a, b in pairwise(parts))
        if rising and {part["strand"] for part in parts} == {"-"}:
            parts.reverse()
        locations = [
            SimpleLocation(p["start"], p["end"], 1 if p["strand"] == "+" else -1) for p in parts
        ]
        records[parts[0]["contig"]].features.append(feature_of(locations, parts[0]["phase"]))
    written = [record for record in records.values() if record.features]
    again = read(tmp_path, genbank_text(written), {n: len(s) for n, s in contigs.items()})
    assert sorted(row[:5] for row in again) == sorted(tuple(row.values())[:5] for row in rows)


@pytest.mark.parametrize("genome", ["hepatitis_b", "mycoplasma_mycoides", "phage_vt2_sakai"])
def test_gff3_and_genbank_of_a_real_genome_give_the_same_cds(genome):
    plain, rich = (read_genome(genome, kind)[1] for kind in ("gff", "gbff"))
    places = [sorted(tuple(row.values())[:5] for row in rows) for rows in (plain, rich)]
    assert places[0] == places[1]


@pytest.mark.parametrize("genome", [genome for genome, kind in ANNOTATIONS if kind == "gbff"])
def test_joined_segments_of_a_real_cds_give_the_protein_of_its_record(genome):
    contigs, rows = read_genome(genome, "gbff")
    for number in {row["cds"] for row in rows}:
        parts = [row for row in rows if row["cds"] == number]
        bases = sum((bases_of(contigs, part) for part in parts), Seq(""))[parts[0]["phase"] :]
        # A first codon of any kind is read as M.
        assert translated(bases, genome)[1:].rstrip("*") == parts[0]["translation"][1:]


# --- generated genomes --------------------------------------------------------------------------


def record_of(name, sequence, features, topology="linear"):
    record = SeqRecord(Seq(sequence), id=name, name=name[:16])
    record.annotations = {"molecule_type": "DNA", "topology": topology}
    record.features = features
    return record


def feature_of(locations, phase):
    location = CompoundLocation(locations) if len(locations) > 1 else locations[0]
    return SeqFeature(location, "CDS", qualifiers={"codon_start": phase + 1})


def genbank_text(records):
    text = StringIO()
    SeqIO.write(records, text, "genbank")
    return text.getvalue()


@st.composite
def genes(draw):
    """Contig length, whether it is circular, and CDS: (strand, phase, exons in forward order).

    On a circle exons may end beyond the contig.
    """
    length, circular = draw(st.integers(60, 150)), draw(st.booleans())
    found = []
    for _ in range(draw(st.integers(1, 4))):
        cuts = draw(st.lists(st.integers(0, length), min_size=2, max_size=8, unique=True))
        cuts = sorted(cuts[: len(cuts) // 2 * 2])
        shift = draw(st.integers(0, length - 1)) if circular else 0
        exons = [(a + shift, b + shift) for a, b in zip(cuts[::2], cuts[1::2], strict=True)]
        exons = [(a % length, a % length + b - a) for a, b in exons]
        found.append((draw(st.sampled_from("+-")), draw(st.integers(0, 2)), exons))
    return length, circular, found


def expected(length, strand, phase, exons):
    """The stretches between exon ends and the origin, and the codons inside one of them."""
    pieces, bases = {}, []
    for exon, (start, end) in enumerate(exons):
        for place in range(start, end):
            piece = exon, place // length
            pieces.setdefault(piece, []).append(place % length)
            bases.append((piece, place % length))
    bases = bases if strand == "+" else bases[::-1]
    codons = [bases[i : i + 3] for i in range(phase, len(bases) - 2, 3)]
    whole = {tuple(b for _, b in codon) for codon in codons if len({p for p, _ in codon}) == 1}
    return {(min(piece), max(piece) + 1, strand) for piece in pieces.values()}, whole


def check(rows, length, found):
    for number, gene in enumerate(found):
        mine = [row for row in rows if row[5] == number]
        pieces, codons = expected(length, *gene)
        assert {row[1:4] for row in mine} == pieces and len(mine) == len(pieces)
        assert set(whole_codons(mine)) == codons
    assert {row[5] for row in rows} == set(range(len(found)))


def phases_of(strand, phase, exons):
    order, read, result = exons if strand == "+" else exons[::-1], 0, {}
    for start, end in order:
        result[start, end] = (phase - read) % 3
        read += end - start
    return result


@given(genes(), st.data())
def test_gff3_gives_the_codons_of_every_cds(tmp_path_factory, made, data):
    length, circular, found = made
    lines = ["##gff-version 3\n"]
    for number, gene in enumerate(found):
        for (start, end), phase in phases_of(*gene).items():
            lines.append(cds_line(start + 1, end, gene[0], phase, f"Name=x;ID=cds-{number}"))
    # The order of the lines of a CDS, and where the circle is declared, have no effect.
    lines[1:] = data.draw(st.permutations(lines[1:]))
    order = list(dict.fromkeys(int(line.rpartition("-")[2]) for line in lines[1:]))
    if circular:
        region = cds_line(1, length, ".", ".", "ID=c;Is_circular=true", kind="region")
        lines.insert(data.draw(st.integers(1, len(lines))), region)
    rows = read(tmp_path_factory.mktemp("x"), "".join(lines), {"c": length})
    check(rows, length, [found[number] for number in order])


@given(genes().filter(lambda made: not made[1]), st.data())
def test_missing_gff3_phases_follow_from_segment_lengths(tmp_path_factory, made, data):
    length, _, found = made
    lines = [
        cds_line(start + 1, end, strand, ".", f"Parent=t{number};ID=")
        for number, (strand, _, exons) in enumerate(found)
        for start, end in data.draw(st.permutations(exons))
    ]
    rows = read(tmp_path_factory.mktemp("x"), "".join(lines), {"c": length})
    check(rows, length, [(strand, 0, exons) for strand, _, exons in found])


@given(genes())
def test_genbank_gives_the_codons_of_every_cds(tmp_path_factory, made):
    length, circular, found = made
    features = []
    for strand, phase, exons in found:
        sign = 1 if strand == "+" else -1
        pieces = []
        for start, end in exons:
            pieces.append(SimpleLocation(start, min(end, length), sign))
            if end > length:
                pieces.append(SimpleLocation(0, end - length, sign))
        features.append(feature_of(pieces[::sign], phase))
    record = record_of("c", "A" * length, features, "circular" if circular else "linear")
    rows = read(tmp_path_factory.mktemp("x"), genbank_text([record]), {"c": length})
    check(rows, length, found)


def test_gff3_and_genbank_of_the_demo_genomes_give_the_same_cds(tmp_path):
    for contigs in simulate(seed=3).genomes.values():
        code = contigs[0].category.genetic_code
        lengths = {contig.name: len(contig.sequence) for contig in contigs}
        plain = read(tmp_path, gff3(contigs), lengths, code)
        rich = read(tmp_path, genbank(contigs), lengths, code)
        assert sorted(row[:6] for row in plain) == sorted(row[:6] for row in rich)
        assert not any(row[6] for row in plain)
        proteins = [(c.name, c.protein(gene)) for c in contigs for gene in c.genes]
        assert [(row[0], row[6]) for row in rich if row[6]] == proteins
        assert len({row[5] for row in rich}) == len(proteins)


# --- special cases ------------------------------------------------------------------------------


def test_each_segment_of_a_frameshifted_cds_keeps_its_frame(tmp_path):
    back = [(0, 100, "+", 0), (99, 200, "+", 2)]
    lines = cds_line(1, 100) + cds_line(100, 200, phase=2)
    assert places(read(tmp_path, lines)) == back
    assert places(read(tmp_path, lines.replace("\t2\t", "\t.\t").replace("\t0\t", "\t.\t"))) == back
    assert places(read(tmp_path, gbff(("join(1..100,100..200)",)))) == back
    turned = [(899, 1000, "-", 0), (800, 900, "-", 1)]
    assert places(read(tmp_path, gbff(("complement(join(801..900,900..1000))",)))) == turned


def test_missing_phases_follow_from_the_phase_of_the_first_segment(tmp_path):
    lines = cds_line(1, 10, "-", ".") + cds_line(21, 30, "-", 2) + cds_line(41, 50, "-", 1)
    want = [(40, 50, "-", 1), (20, 30, "-", 2), (0, 10, "-", 2)]
    assert places(read(tmp_path, lines)) == want


def test_a_trans_spliced_cds_is_read_on_both_strands(tmp_path):
    location = "join(complement(11..20),31..40,complement(51..60))"
    want = [(10, 20, "-", 0), (30, 40, "+", 2), (50, 60, "-", 1)]
    assert places(read(tmp_path, gbff((location,)))) == want
    assert places(read(tmp_path, gbff((location.replace("join", "order"),)))) == want


def test_genbank_segments_in_other_records_are_skipped_but_counted_for_the_phase(tmp_path):
    location = "join(AB1.1:5..10,11..20,AB1.1:1..4,<31..>40)"
    rows = read(tmp_path, gbff(("AB1.1:1..9",), (location, "codon_start=2", 'translation="MK"')))
    assert rows == [("c", 10, 20, "+", 1, 0, "MK"), ("c", 30, 40, "+", 2, 0, None)]


def test_a_genbank_location_across_the_origin_may_start_after_its_end(tmp_path):
    want = [(990, 1000, "+", 0), (0, 20, "+", 2)]
    assert places(read(tmp_path, gbff(("991..20",), topology="circular"))) == want


def test_a_gff3_cds_may_go_around_a_small_circle_more_than_once(tmp_path):
    circle = cds_line(1, 10, ".", ".", "Is_circular=true", kind="region")
    rows = read(tmp_path, circle + cds_line(9, 25, "-", 1), {"c": 10})
    assert places(rows) == [(0, 5, "-", 1), (0, 10, "-", 2), (8, 10, "-", 1)]


def test_pseudogenes_are_skipped(tmp_path):
    lines = cds_line(1, 9, attributes="ID=a; pseudo=true") + cds_line(11, 19)
    assert places(read(tmp_path, lines)) == [(10, 19, "+", 0)]
    features = ("1..9", "pseudo"), ("1..9", 'pseudogene="unknown"'), ("11..19",)
    assert places(read(tmp_path, gbff(*features))) == [(10, 19, "+", 0)]


def test_gff3_is_read_up_to_its_fasta_section(tmp_path):
    text = (
        "# a comment\n\n"
        + cds_line(1, 90, kind="gene", phase=".")
        + cds_line(1, 9, kind="SO:0000316", attributes="ID=a;Parent=b")
        + cds_line(11, 19, seqid="odd%7Cname", attributes=".")
        + cds_line(21, 29, seqid="odd|name", attributes=".")
    )
    want = [("c", 0, 9, "+", 0, 0, None), ("odd|name", 10, 19, "+", 0, 1, None)]
    want += [("odd|name", 20, 29, "+", 0, 2, None)]
    for rest in ("", "##FASTA\n>c\nACGT\n", ">c\nACGT\n"):
        assert read(tmp_path, text + rest, {"c": 9, "odd|name": 29}) == want
        assert read(tmp_path, (text + rest).replace("\n", "\r\n"), {"c": 9, "odd|name": 29}) == want


def test_one_cds_id_on_two_contigs_gives_two_cds(tmp_path):
    lines = cds_line(1, 4, phase=".") + cds_line(1, 4, phase=".", seqid="d")
    assert [row[4:6] for row in read(tmp_path, lines, {"c": 9, "d": 9})] == [(0, 0), (0, 1)]


def test_annotation_files_are_read_in_order(tmp_path):
    (tmp_path / "a").write_text(cds_line(1, 3))
    (tmp_path / "b").write_text(gbff(("4..6", 'translation="M"'), ("7..9",)))
    table = read_annotations([str(tmp_path / "a"), str(tmp_path / "b")], {"c": 9}, 11)
    assert table["start"].to_pylist() == [0, 3, 6]
    assert table["cds"].to_pylist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("annotated", "contigs", "found"),
    [
        ("NC_1.1", ["NC_1.1", "NC_1"], "NC_1.1"),
        ("NC_1", ["NC_1.1", "NC_1"], "NC_1"),
        ("NC_1.1", ["NC_1", "NC_2"], "NC_1"),
        ("NC_1", ["NC_1.2", "NC_2.1"], "NC_1.2"),
        ("NC_1", ["NC_1.1", "NC_1.2"], None),
        ("NC_1.1", ["NC_1.2"], None),
    ],
)
def test_contig_names_match_without_version_if_that_is_unique(tmp_path, annotated, contigs, found):
    lengths = dict.fromkeys(contigs, 1000)
    for text in (cds_line(1, 9, seqid=annotated), gbff(("1..9",), version=annotated)):
        if found:
            assert [row[0] for row in read(tmp_path, text, lengths)] == [found]
        else:
            assert "it annotates no contig of the sample" in error(tmp_path, text, lengths)


def test_a_genbank_record_without_version_is_named_by_its_locus(tmp_path):
    for version in ("", "other"):
        assert read(tmp_path, gbff(("1..9",), version=version, name="k7"), {"k7": 9})[0][0] == "k7"


def zst(data):
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


PACKERS = (bytes, gzip.compress, bz2.compress, lzma.compress, zst)
TEXTS = {
    "gff3": "##gff-version 3\n" + "".join(cds_line(i + 1, i + 9, "+-"[i % 2]) for i in range(900)),
    "genbank": gbff(*((f"{i + 1}..{i + 9}",) for i in range(900))),
}


@pytest.mark.parametrize("pack", PACKERS)
@pytest.mark.parametrize("kind", TEXTS)
def test_the_format_is_found_from_the_content_not_the_suffix(tmp_path, kind, pack):
    for name in ("x.gff", "x.gbff.gz"):
        for text in (TEXTS[kind], "\ufeff\n" + TEXTS[kind]):
            assert len(read(tmp_path, pack(text.encode()), name=name)) == 900


@pytest.mark.parametrize("pack", PACKERS[1:])
@pytest.mark.parametrize("kind", TEXTS)
def test_a_truncated_or_damaged_compressed_file_is_an_error(tmp_path, kind, pack):
    packed = pack(TEXTS[kind].encode())
    for content in (packed[: len(packed) // 2], packed[:-1], packed[:7]):
        assert error(tmp_path, content).endswith("; is it cut short? copy it again")
    for place in range(20, len(packed), len(packed) // 20):
        damaged = bytearray(packed)
        damaged[place] ^= 0x5A
        # Wrong text may be found before the wrong checksum, so any error is right.
        assert error(tmp_path, bytes(damaged)).startswith("x")


GENBANK = gbff(("1..9", "codon_start=1"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "x: this is neither GFF3 nor GenBank; give a file of either kind"),
        ("# a note\n>c\nACGT\n", "x: this is neither GFF3 nor GenBank; give a file of either kind"),
        (
            "##gff-version 3\n" + cds_line(1, 9, kind="gene"),
            "x: there is no usable CDS in this annotation; "
            "remove it from the sample sheet, or give one with CDS features",
        ),
        (
            gbff(),
            "x: there is no usable CDS in this annotation; "
            "remove it from the sample sheet, or give one with CDS features",
        ),
        (
            "##gff-version 3\nc\tx\tCDS\t1\t9\t.\t+\t0\n",
            "x line 2: GFF3 has 9 columns separated by tabs, but this line has 8; correct it",
        ),
        (
            cds_line(9, 1),
            "x line 1: start and end are '9' and '1', not whole numbers in this order from 1; "
            "correct it",
        ),
        (
            cds_line(0, 9),
            "x line 1: start and end are '0' and '9', not whole numbers in this order from 1; "
            "correct it",
        ),
        (
            cds_line("1e3", 9),
            "x line 1: start and end are '1e3' and '9', not whole numbers in this order from 1; "
            "correct it",
        ),
        (cds_line(1, 9, "x"), "x line 1: the strand is 'x', not one of + - . ?; correct it"),
        (cds_line(1, 9, phase=3), "x line 1: the phase is '3', not one of 0 1 2 .; correct it"),
        (
            cds_line(1, 9) + cds_line(990, 1001),
            'x line 2: a CDS at 990-1001, but contig "c" has 1000 bases; '
            "give the annotation of this sequence",
        ),
        (
            cds_line(1, 9, attributes="Is_circular=true") + cds_line(1001, 1009),
            'x line 2: a CDS at 1001-1009, but contig "c" has 1000 bases; '
            "give the annotation of this sequence",
        ),
        (
            gbff(("join(1..9,991..1001)",), topology="circular"),
            'x, record "c": a CDS at 991-1001, but contig "c" has 1000 bases; '
            "give the annotation of this sequence",
        ),
        (
            cds_line(1, 9, seqid="chr1"),
            'x: it annotates no contig of the sample; it has names like "chr1", '
            'the sample like "c"; give the annotation of these contigs',
        ),
        (
            gbff(("1..9",), version="NC_1.1", name="NC_1"),
            'x: it annotates no contig of the sample; it has names like "NC_1.1", '
            'the sample like "c"; give the annotation of these contigs',
        ),
        (
            GENBANK.replace("codon_start=1", "codon_start=0"),
            "x, record \"c\": codon_start is '0', not 1, 2 or 3; correct it",
        ),
        (
            GENBANK + GENBANK[:-60],
            "x, record number 2: it cannot be read as GenBank "
            "(Premature end of line during features table); is it cut short? copy it again",
        ),
        (
            GENBANK.replace("1..9", "join(1..9"),
            "x, record number 1: it cannot be read as GenBank "
            "(Problem with 'CDS' feature: join(1..9 /codon_start=1); "
            "is it cut short? copy it again",
        ),
        (
            GENBANK.replace("/codon_start", "codon_start"),
            "x, record number 1: it cannot be read as GenBank (wrong layout); "
            "is it cut short? copy it again",
        ),
    ],
)
def test_bad_input_gives_one_sentence(tmp_path, text, sentence):
    assert error(tmp_path, text) == sentence


def gff3_of(*lines):
    return "##gff-version 3\n" + "".join(f"c\tx\t{line}\n" for line in lines)


def test_features_of_a_pseudogene_are_left_out(tmp_path):
    text = gff3_of(
        "gene\t1\t90\t.\t+\t.\tID=dead;pseudo=true",
        "mRNA\t1\t90\t.\t+\t.\tID=rna;Parent=dead",
        "CDS\t1\t90\t.\t+\t0\tID=a;Parent=rna",
        "CDS\t101\t190\t.\t+\t0\tID=b;pseudogene=unknown",
        "CDS\t201\t290\t.\t+\t0\tID=c",
    )
    assert places(read(tmp_path, text)) == [(200, 290, "+", 0)]


def test_phases_are_not_guessed_on_a_circular_contig(tmp_path, caplog):
    parts = ["CDS\t991\t1000\t.\t+\t.\tID=a", "CDS\t1\t80\t.\t+\t.\tID=a"]
    whole = "CDS\t101\t190\t.\t+\t0\tID=b"
    text = gff3_of("region\t1\t1000\t.\t+\t.\tID=c;Is_circular=true", *parts, whole)
    assert places(read(tmp_path, text)) == [(100, 190, "+", 0)]
    assert "2 CDS segments of unclear strand, phase or location are left out" in caplog.text


def test_gtf_is_refused_with_advice(tmp_path):
    text = 'c\tx\tCDS\t1\t90\t.\t+\t0\tgene_id "a"; transcript_id "b";\n'
    assert error(tmp_path, text) == (
        "x line 1: this is GTF, not GFF3; convert it, or give the GFF3"
    )


def test_genbank_with_a_misplaced_key_gives_one_sentence(tmp_path):
    text = gbff(("1..90", "gene=a")).replace("CDS             1..90", "CDS       10..99")
    assert "it cannot be read as GenBank" in error(tmp_path, text)


def test_a_missing_file_gives_one_sentence(tmp_path):
    for path in (tmp_path / "no.gff", tmp_path):
        with pytest.raises(InputError, match=r"there is no such file; correct the sample sheet$"):
            read_annotations([str(path)], {"c": 9}, 11)


@pytest.mark.parametrize(
    ("text", "count", "first"),
    [
        (cds_line(1, 9, ".") + cds_line(1, 9, "?") + cds_line(11, 19), 2, "x line 1"),
        # The first strand is unknown, so only the segment with a phase has one.
        (cds_line(1, 9, "-", ".") + cds_line(11, 19), 1, "x line 1"),
        (gbff(("991..9",), ("11..19",)), 1, 'x, record "c"'),
    ],
)
def test_unclear_segments_are_left_out_and_counted(tmp_path, caplog, text, count, first):
    assert places(read(tmp_path, text)) == [(10, 19, "+", 0)]
    [message] = caplog.messages
    assert message.replace(f"{tmp_path}/", "") == (
        f"{count} CDS segments of unclear strand, phase or location are left out; "
        f"the first: {first}"
    )


def test_contigs_missing_from_the_sample_are_counted_in_one_warning(tmp_path, caplog):
    lines = "".join(cds_line(1, 9, seqid=seqid) for seqid in ("d", "c", "d", "e"))
    assert [row[0] for row in read(tmp_path, lines)] == ["c"]
    assert caplog.messages == ['the sample lacks 2 contigs of its annotation, such as "d"']


def test_another_genetic_code_gives_one_warning(tmp_path, caplog):
    gff = [cds_line(1, 9, attributes=f"ID={c};transl_table={c}") for c in (11, 4, 25, 1)]
    features = [("1..9", f"transl_table={code}") for code in (11, 4, 25, 1)]
    for text in ("".join(gff), gbff(*features)):
        caplog.clear()
        read(tmp_path, text)
        assert caplog.record_tuples == [
            (
                "seqloom.seqs.annotations",
                logging.WARNING,
                "2 CDS are annotated with another genetic code than the sample's, 11: the first "
                "has 4; correct genetic_code if the annotation is right",
            )
        ]
        caplog.clear()
        read(tmp_path, text, genetic_code=4)
        assert caplog.messages[0].startswith("3 CDS are annotated with another genetic code")
