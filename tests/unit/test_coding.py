"""Coding frames, by the coordinates and by the translations of an annotation."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from Bio.Seq import Seq
from hypothesis import given
from hypothesis import strategies as st

from seqloom.demo.demo_files import genbank
from seqloom.demo.simulate import simulate
from seqloom.errors import InputError
from seqloom.seqs.annotations import SCHEMA, read_annotations
from seqloom.seqs.coding import CodingRegions, Translations

SCRIPT = Path(__file__).parents[2] / "workflow" / "scripts" / "coding.py"
CONTIGS = ["a", "b", "c"]
SIZE = 40


def table_of(rows):
    return pa.table(list(zip(*rows, strict=True)) or [[]] * len(SCHEMA), schema=SCHEMA)


@st.composite
def parts(draw):
    """Many short (contig, start, end, strand, phase), so that some overlap and touch."""
    start = draw(st.integers(0, SIZE - 1))
    end = draw(st.integers(start + 1, SIZE))
    names, strands = st.sampled_from(CONTIGS), st.sampled_from("+-")
    return draw(names), start, end, draw(strands), draw(st.integers(0, 2))


def coding_codons(rows):
    """(contig, strand, start) of every codon that lies in some segment and its frame."""
    bases = set()
    for contig, start, end, strand, phase in rows:
        for base in range(start, end):
            if strand == "+":
                first = base - (base - start - phase) % 3
            else:
                first = base - 2 + (end - 1 - phase - base) % 3
            bases.add((contig, strand, first, base))
    return {
        (contig, strand, first)
        for contig, strand, first, _ in bases
        if all((contig, strand, first, first + i) in bases for i in range(3))
    }


def every_frame():
    return [
        (contig, start, end, strand)
        for contig in CONTIGS
        for strand in "+-"
        for start in range(SIZE - 2)
        for end in range(start + 3, SIZE + 1, 3)
    ]


def contain(regions, frames, contigs=CONTIGS):
    contig, start, end, strand = zip(*frames, strict=True)
    positions = np.array([contigs.index(name) for name in contig], np.int32)
    return regions.contain(positions, np.array(start), np.array(end), np.array(strand) == "-")


@given(st.lists(parts(), max_size=12))
def test_a_frame_is_coding_if_all_its_codons_are(rows):
    regions = CodingRegions(table_of([(*row, 0, None) for row in rows]), CONTIGS)
    coding = coding_codons(rows)
    want = [
        all((contig, strand, codon) in coding for codon in range(start, end, 3))
        for contig, start, end, strand in every_frame()
    ]
    assert contain(regions, every_frame()).tolist() == want


def test_adjacent_segments_are_merged_only_in_the_same_frame():
    frame = [("a", 0, 18, "+")]
    for second, coding in (((9, 18, "+", 0), True), ((9, 18, "+", 1), False)):
        rows = [("a", 0, 9, "+", 0, 0, None), ("a", *second, 1, None)]
        assert contain(CodingRegions(table_of(rows), CONTIGS), frame).tolist() == [coding]
    apart = [("a", 0, 9, "+", 0, 0, None), ("a", 12, 18, "+", 0, 1, None)]
    assert contain(CodingRegions(table_of(apart), CONTIGS), frame).tolist() == [False]


def test_regions_of_the_longest_chromosomes_do_not_overlap_the_next_contig():
    end = 9_000_000_000
    table = table_of([("a", 0, end, "+", 0, 0, None), ("b", 3, 9, "-", 0, 1, None)])
    frames = [("a", end - 3, end, "+"), ("a", end, end + 3, "+"), ("b", 0, 3, "+")]
    frames += [("a", 1, 4, "+"), ("b", 0, 3, "-"), ("b", 3, 6, "-"), ("c", 3, 6, "-")]
    got = contain(CodingRegions(table, CONTIGS), frames)
    assert got.tolist() == [True, False, False, False, False, True, False]


def test_a_million_frames_on_a_million_contigs():
    names = [f"contig_{number}" for number in range(1_000_000)]
    rng = np.random.default_rng(1)
    contig = rng.integers(0, len(names), 1_000_000)
    start = rng.integers(0, 5000, len(contig))
    strand = rng.choice(["+", "-"], len(contig))
    columns = [pa.array(names).take(pa.array(contig)), start, start + 900, strand]
    rest = [np.zeros(len(contig), int), np.arange(len(contig)), pa.nulls(len(contig), pa.string())]
    table = pa.table([*columns, *rest], schema=SCHEMA)
    regions = CodingRegions(table, names)
    for shift, coding in ((0, True), (300, True), (1, False)):
        inside = regions.contain(contig, start + shift, start + shift + 300, strand == "-")
        assert inside.all() if coding else inside.mean() < 0.2


texts = st.text("AQ*", min_size=1, max_size=30)


@given(
    st.lists(st.tuples(st.sampled_from(CONTIGS), st.none() | texts), max_size=8),
    st.lists(st.tuples(st.sampled_from(range(3)), st.text("AQJ*", max_size=12)), max_size=30),
    st.data(),
)
def test_a_protein_is_coding_if_a_translation_of_its_contig_contains_it(known, wanted, data):
    for contig, text in known:
        if text:
            start = data.draw(st.integers(0, len(text) - 1))
            end = data.draw(st.integers(start + 1, len(text)))
            wanted.append((CONTIGS.index(contig), text[start:end]))
    rows = [(contig, 0, 3, "+", 0, i, text) for i, (contig, text) in enumerate(known)]
    found = Translations(table_of(rows), CONTIGS).contain(
        np.array([contig for contig, _ in wanted], int), [protein.encode() for _, protein in wanted]
    )
    assert found.tolist() == [
        any(protein in text for contig, text in known if text and contig == CONTIGS[number])
        for number, protein in wanted
    ]


def test_thousands_of_frames_are_searched_in_the_translations_of_a_genome():
    rng = np.random.default_rng(2)
    proteins = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 310)) for _ in range(4300)]
    rows = [("a", 0, 3, "+", 0, number, text) for number, text in enumerate(proteins)]
    frames = [proteins[i % 4300][i % 200 : i % 200 + 100].encode() for i in range(13_000)]
    frames[::2] = [frame[::-1] for frame in frames[::2]]
    found = Translations(table_of(rows), CONTIGS).contain(np.zeros(len(frames), int), frames)
    assert found.tolist() == [False, True] * 6500


@pytest.mark.parametrize("category", ["viral", "fungi"])
def test_planted_genes_are_found_by_coordinates_and_by_translation(tmp_path, category):
    contigs = simulate(seed=5).genomes[category][:6]
    code, names = contigs[0].category.genetic_code, [contig.name for contig in contigs]
    (tmp_path / "x.gbff").write_text(genbank(contigs))
    lengths = {contig.name: len(contig.sequence) for contig in contigs}
    table = read_annotations([str(tmp_path / "x.gbff")], lengths, code)
    regions, translations = CodingRegions(table, names), Translations(table, names)

    frames, sequences = [], {contig.name: Seq(contig.sequence.upper()) for contig in contigs}
    for contig in contigs:
        for start in range(0, len(contig.sequence) - 90):
            frames += [(contig.name, start, start + 90, strand) for strand in "+-"]
    by_place = contain(regions, frames, names)

    coding = set()  # frames of 30 codons of a gene that no intron interrupts
    for contig in contigs:
        for gene in contig.genes:
            bases = [base for start, end in gene.exons for base in range(start, end)]
            for first in range(0, len(bases) - 89, 3):
                if bases[first + 89] - bases[first] == 89:
                    strand = "+" if gene.strand > 0 else "-"
                    coding.add((contig.name, bases[first], bases[first] + 90, strand))
    assert {frame for frame, is_in in zip(frames, by_place, strict=True) if is_in} == coding

    proteins = []
    for name, start, end, strand in frames:
        bases = sequences[name][start:end]
        bases = bases if strand == "+" else bases.reverse_complement()
        proteins.append(str(bases.translate(code)))
    numbers = np.array([names.index(name) for name, *_ in frames])
    by_text = translations.contain(numbers, [protein.encode() for protein in proteins])
    # A translation does not have the stop of its gene.
    by_place &= np.array(["*" not in protein for protein in proteins])
    assert by_text[by_place].all()
    # An intron may begin like the next exon, so a protein may extend into it.
    assert by_text.sum() - by_place.sum() <= (0.01 * by_place.sum() if category == "fungi" else 0)
    assert by_place.sum() > 1000


def run(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True)


def test_the_script_writes_a_table_with_its_provenance(tmp_path):
    contigs = simulate(seed=1).genomes["bacteria"]
    (tmp_path / "x.gbff").write_text(genbank(contigs))
    rows = "".join(f"{contig.name}\t{len(contig.sequence)}\n" for contig in contigs)
    (tmp_path / "records.tsv").write_text("contig\tlength\n" + rows)
    out = tmp_path / "deeper" / "x.parquet"
    options = ["--annotation", tmp_path / "x.gbff", "--records", tmp_path / "records.tsv"]
    done = run(*options, "--genetic-code", "11", "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("64 CDS in 64 segments\n")
    table = pq.read_table(out)
    provenance = json.loads(table.schema.metadata[b"provenance"])
    assert provenance["settings"] == {"genetic_code": 11}
    assert [entry["file"] for entry in provenance["inputs"].values()] == ["x.gbff", "records.tsv"]
    lengths = {contig.name: len(contig.sequence) for contig in contigs}
    assert table.replace_schema_metadata() == read_annotations(
        [str(tmp_path / "x.gbff")], lengths, 11
    )


def test_a_failing_script_prints_one_sentence_and_writes_nothing(tmp_path):
    (tmp_path / "x.gff").write_text("##gff-version 3\n")
    (tmp_path / "records.tsv").write_text("contig\tlength\na\t9\n")
    options = ["--annotation", tmp_path / "x.gff", "--records", tmp_path / "records.tsv"]
    done = run(*options, "--out", tmp_path / "x.parquet")
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {tmp_path}/x.gff: there is no usable CDS in this annotation; "
        "remove it from the sample sheet, or give one with CDS features\n"
    )
    assert {path.name for path in tmp_path.iterdir()} == {"x.gff", "records.tsv"}


def test_the_coding_sequences_of_another_sample_are_refused():
    rows = [("elsewhere", 0, 3, "+", 0, 0, "MK")]
    for kind in (CodingRegions, Translations):
        with pytest.raises(InputError, match='has no contig "elsewhere"'):
            kind(table_of(rows), CONTIGS)
