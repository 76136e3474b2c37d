"""The evaluation of predicted genes through its scripts: scores, parts, proteins, BUSCO."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from busco_stand_in import write_busco
from gene_data import gene
from seqs_data import stored

from seqloom.annotate.gff_writer import gff3_lines
from seqloom.seqs.gene_index import write_gene_index

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"


def run(script, *words, fails=False):
    done = subprocess.run(
        [sys.executable, SCRIPTS / script, *map(str, words)], capture_output=True, text=True
    )
    assert bool(done.returncode) == fails, done.stderr
    return done.stderr


CODING = b"ATGGCTGCTTGGAAATAA"  # M A A W K, in code 11


@pytest.fixture
def sample(tmp_path):
    """A genome of two contigs of 3,000 bases, with genes of 18 bases on both strands."""
    contig = bytearray(b"CCATTC" * 500)
    reverse = CODING.translate(bytes.maketrans(b"ACGT", b"TGCA"))[::-1]
    genes = []
    for number, start in enumerate(range(100, 2900, 200)):
        contig[start : start + 18] = reverse if number % 2 else CODING
        for name in "ab":
            transcript = (f"{name}t{number}", (start, start + 18, 0))
            genes.append(gene(f"{name}{number}", "+-"[number % 2], transcript, contig=name))
    stored(tmp_path, {"a": bytes(contig), "b": bytes(contig)})
    write_gene_index(tmp_path / "genes.json", genes, {}, [])
    return tmp_path, genes


def write_gff3(folder, genes):
    lines = gff3_lines(genes, {"a": 3000, "b": 3000}, "x", {})
    (folder / "p.gff3").write_text("".join(f"{line}\n" for line in lines))


def scores(folder, predicted, *options):
    """F1 by part and level of a prediction."""
    write_gff3(folder, predicted)
    words = ["--genes", folder / "genes.json", "--prediction", folder / "p.gff3"]
    words += ["--records", folder / "g.tsv", "--sample", "s", "--program", "x"]
    outputs = ["--out", folder / "s.tsv", "--locus", folder / "l.json"]
    run("evaluate_genes.py", *words, *outputs, *options)
    with open(folder / "s.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {(row["part"], row["level"]): float(row["f1"] or "nan") for row in rows}


def moved(one, bases):
    [transcript] = one.transcripts
    exons = tuple(exon.shifted(bases) for exon in transcript.exons)
    return replace(one, transcripts=(replace(transcript, exons=exons),))


def test_the_annotation_itself_scores_1_and_on_the_other_strand_0(sample):
    folder, genes = sample
    assert set(scores(folder, genes).values()) == {1.0}
    turned = [replace(one, strand="+-".strip(one.strand)) for one in genes]
    assert set(scores(folder, turned).values()) == {0.0}


def test_genes_off_by_one_fail_strictly_and_pass_with_tolerance(sample):
    folder, genes = sample
    found = scores(folder, [moved(one, 1) for one in genes])
    assert found["all", "exon"] == found["all", "gene"] == found["all", "gene_end"] == 0
    assert found["all", "exon_within_10"] == 1 and found["all", "base"] > 0.9


def test_a_part_has_the_genes_that_lie_wholly_in_it(sample):
    folder, genes = sample
    inside = [one for one in genes if one.contig == "b" or 300 <= one.start < 700]

    def by_part(last):
        held_out = ["--validation", f"s/a:301-{last}", "--test", "s/b"]
        found = scores(folder, inside, *held_out)
        return [found[part, "gene"] for part in ("all", "validation", "test")]

    # The gene at 700 crosses the border, so the part does not see that it is missing.
    assert by_part(717)[1:] == [1, 1]
    every, validation, test = by_part(718)
    assert every < 1 and validation < 1 and test == 1


def test_the_locus_is_where_most_genes_differ(sample):
    folder, genes = sample
    scores(folder, [one for one in genes if one.contig == "a" or one.start < 1500])
    locus = json.loads((folder / "l.json").read_text())
    assert locus["contig"] == "b" and locus["end"] > 1500
    assert {one["agrees"] for one in locus["predicted"]} <= {True}
    assert False in {one["agrees"] for one in locus["annotated"]}


def proteins_of(folder, genes, code=11):
    words = ["--genome", folder / "g.fa.gz", "--genetic-code", code, "--out", folder / "p.faa"]
    run("gene_proteins.py", "--genes", genes, *words)
    lines = (folder / "p.faa").read_text().splitlines()
    return dict(zip(lines[::2], lines[1::2], strict=True))


def test_proteins_of_the_index_and_of_gff3_are_the_same(sample):
    folder, genes = sample
    write_gff3(folder, genes)
    found = proteins_of(folder, folder / "p.gff3")
    assert found == proteins_of(folder, folder / "genes.json")
    assert found == {f">{one.canonical.name}": "MAAWK" for one in genes}


def test_proteins_of_partial_genes_begin_at_their_phase_and_codes_count(sample):
    folder, _ = sample
    cut = gene("cut", "+", ("t", (104, 118, 2)), contig="a", partial_left=True)
    across = [gene(f"o.{n}", "+", ("o", (100, 118, 0)), contig="a") for n in (1, 2)]
    reverse = gene("g", "-", ("r", (300, 318, 0)), contig="b", genetic_code=4)
    write_gff3(folder, [cut, *across[:1], reverse])
    assert proteins_of(folder, folder / "p.gff3") == {">t": "AWK", ">o": "MAAWK", ">r": "MAAWK"}
    write_gene_index(folder / "genes.json", across, {}, [])
    assert list(proteins_of(folder, folder / "genes.json")) == [">o", ">o.2"]


@pytest.fixture
def busco(tmp_path, monkeypatch):
    """A stand-in for the program, which checks its arguments and writes what BUSCO writes."""
    monkeypatch.setenv("PATH", str(write_busco(tmp_path)), prepend=":")
    (tmp_path / "p.faa").write_text(">p\nMAAWK\n")
    return tmp_path


def check_busco(folder, lineage, **options):
    words = ["--proteins", folder / "p.faa", "--lineage", folder / lineage, "--sample", "s"]
    return run("check_busco.py", *words, "--program", "x", "--out", folder / "b.json", **options)


def test_busco_is_run_offline_on_proteins_and_joins_the_table(busco):
    check_busco(busco, "tiny_odb12")
    card = json.loads((busco / "b.json").read_text())
    assert (card["markers"], card["complete"], card["lineage"]) == (8, 6, "tiny_odb12")
    run("join_gene_scores.py", "--busco", busco / "b.json", "--out", busco / "scores.tsv")
    with open(busco / "scores.tsv", newline="") as file:
        [row] = csv.DictReader(file, delimiter="\t")
    assert (row["level"], row["annotated"], row["found"], row["recall"]) == (
        *("busco", "8", "6", "0.7500"),
    )


def test_what_busco_refuses_is_one_sentence(busco):
    said = check_busco(busco, "no_lineage", fails=True).splitlines()
    assert said == [
        f"error: {busco}/p.faa: busco failed (ERROR:\tthe lineage has no dataset.cfg); correct "
        "annotate.busco"
    ]
