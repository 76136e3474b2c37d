"""Gene annotation through the jobs: a made-up genome is baked, and its genes come back."""

import csv
import json
import shutil
from collections import defaultdict

import numpy as np
import pytest
import webdataset
from made_genome import write_species
from projects import Project, make_project

from seqloom.annotate.codec import Codec
from seqloom.annotate.examples import read_examples
from seqloom.annotate.pieces import join
from seqloom.annotate.scores import compare
from seqloom.encoders.tokenizers import load_tokenizer
from seqloom.seqs.gene_index import read_gene_index
from seqloom.seqs.gene_reader import read_genes

# A name with dots; a contig shorter than a window, and one without a base.
LENGTHS = {"chr.1": 60_000, "chr:2": 30_000, "short": 700, "none": 0}
HELD_OUT = ("chr:2", 12_345, 24_001)
SECTION = {
    "run": "feb25_s2_v1_e1",
    "raw": "raw",
    "species": {"A.one": "prokaryote", "Other": "unicellular"},
    "backend": "demo_dnabert_s",
    "windows": {"limits": {"prokaryote": 2000, "unicellular": 5000}},
    "validation": ["A.one/chr:2:12346-24001"],
    "test": ["Other"],
}
CONFIG = {"annotate": SECTION, "samples": None, "simulate": None, "cuts": {}, "fusions": {}}
CONFIG |= {"experiments": {}, "predict": {}, "export": []}
BAKED = "results/annotate/baked/feb25_s2_v1_e1"


@pytest.fixture(scope="module")
def baked(tmp_path_factory) -> Project:
    """A project whose set is baked; tests must not change it."""
    project = make_project(tmp_path_factory.mktemp("baked") / "project")
    write_species(project.folder / "raw/A.one", 1, LENGTHS)
    write_species(project.folder / "raw/Other", 2, {"chr1": 40_000})
    project.configure(**CONFIG)
    project.run("annotate")
    return project


def codec_of(project: Project) -> Codec:
    settings = json.loads((project.folder / BAKED / "bake_config.json").read_text())
    return Codec(("CDS",), settings["tokens"]["<bos>"])


def shards_of(project: Project, species: str) -> list:
    return sorted((project.folder / BAKED / species).rglob("shard_*.tar"))


def windows_of(project: Project, species: str) -> list[dict]:
    with open(project.folder / BAKED / species / "windows.tsv") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.parametrize("species", ["A.one", "Other"])
def test_genes_come_back_from_the_shards_with_f1_of_one(baked, species):
    codec, windows = codec_of(baked), defaultdict(list)
    for shard in shards_of(baked, species):
        for example in read_examples(shard, codec):
            windows[example.place.contig].append((example.place.start, example.pieces))
    found = [gene for contig, own in windows.items() for gene in join(sorted(own), contig)]
    lengths = LENGTHS if species == "A.one" else {"chr1": 40_000}
    truth, _ = read_genes([str(baked.folder / "raw" / species / "gff.gz")], lengths)
    assert {gene.strand for gene in truth} == {"+", "-"} and len(truth) >= 8
    levels = compare(truth, found)
    assert {level: counts.f1 for level, counts in levels.items()} == dict.fromkeys(levels, 1.0)
    assert read_gene_index(baked.folder / BAKED / species / "gene_index.json")[0] == truth


def test_windows_are_within_limits_and_what_is_held_out_is_cut_out_exactly(baked):
    rows = windows_of(baked, "A.one")
    contig, first, last = HELD_OUT
    held_out = np.zeros(LENGTHS[contig], bool)
    for row in rows:
        start, end = int(row["start"]), int(row["end"])
        assert end - start <= 2000
        if row["part"] == "validation":
            assert row["contig"] == contig
            assert row["left_out"] in ("", "too many unknown bases")
            held_out[start:end] = True
        elif row["contig"] == contig:
            assert end <= first or last <= start
    assert held_out[first:last].all() and held_out.sum() == last - first
    assert any(int(row["cut"]) for row in rows)
    assert {row["left_out"] for row in rows} == {
        "", "too many unknown bases", "too many without genes",
    }  # fmt: skip
    kept = [row for row in rows if row["part"] == "train" and not row["left_out"]]
    with_genes = [row for row in kept if int(row["genes"])]
    assert len(kept) - len(with_genes) <= 0.1 * len(with_genes)
    assert {row["part"] for row in windows_of(baked, "Other")} == {"test"}


@pytest.mark.parametrize("species", ["A.one", "Other"])
def test_webdataset_reads_what_our_reader_reads(baked, species):
    codec = codec_of(baked)
    tokenizer = load_tokenizer(baked.folder / BAKED / "tokenizer.json")
    for shard in shards_of(baked, species):
        dataset = webdataset.WebDataset(str(shard), shardshuffle=False).decode()
        ours = list(read_examples(shard, codec))
        theirs = list(dataset)
        assert len(ours) == len(theirs) > 0
        for mine, other in zip(ours, theirs, strict=True):
            assert other["json"] == vars(mine.place)
            assert other["dna"].decode() == mine.letters
            assert np.array_equal(other["tokens.npy"], np.stack([mine.tokens, mine.token_ends]))
            target = codec.encode(mine.pieces)
            assert np.array_equal(other["target.npy"], np.stack(codec.to_arrays(target)))
            assert other["target.txt"] == " ".join(map(str, target))
            ids, positions = other["target.npy"]
            names = map(tokenizer.id_to_token, ids[ids >= 0].tolist())
            assert list(names) == [step for step in target if isinstance(step, str)]
            assert (positions <= len(mine.letters)).all()


def test_the_set_says_what_it_holds(baked):
    folder = baked.folder / BAKED
    stats = json.loads((folder / "stats.json").read_text())
    of_species = [json.loads((folder / s / "stats.json").read_text()) for s in ("A.one", "Other")]
    assert stats["species"] == ["A.one", "Other"]
    for part in ("train", "validation"):
        assert stats["parts"][part] == of_species[0]["parts"][part]
    assert stats["parts"]["test"] == of_species[1]["parts"]["test"]
    with open(folder / "audit.tsv") as file:
        audit = list(csv.DictReader(file, delimiter="\t"))
    assert [row["part"] for row in audit] == ["validation", "test"]
    assert all(row["too_close"] == "0" for row in audit)
    with open(folder / "rules.tsv") as file:
        rules = list(csv.DictReader(file, delimiter="\t"))
    assert {row["rule"] for row in rules} == {"splice_sites", "codons", "frame", "together"}
    # The letters are random, so nearly all genes break the rules.
    assert all(int(row["never_written"]) for row in rules if row["rule"] == "together")
    genes = json.loads((folder / "eval.json").read_text())["genes"]
    assert {gene["part"] for gene in genes} == {"validation", "test"}
    assert {gene["strand"] for gene in genes} == {"+", "-"}
    contig, first, last = HELD_OUT
    for gene in genes:
        if gene["sample"] == "A.one":
            assert gene["contig"] == contig
            assert first <= gene["exons"][0][0] and gene["exons"][-1][1] <= last


def test_a_second_run_does_nothing_and_only_a_changed_species_is_baked_again(baked, tmp_path):
    assert baked.planned("annotate") == {}
    copy = Project(tmp_path / "project")
    shutil.copytree(baked.folder, copy.folder, symlinks=True, copy_function=shutil.copy2)
    before = copy.results()
    copy.configure(**CONFIG | {"annotate": SECTION | {"test": ["Other/chr1"]}})
    planned = copy.planned("annotate")
    assert {rule: planned.get(rule, 0) for rule in ("genes", "parts", "bake", "bake_set")} == {
        "genes": 0, "parts": 1, "bake": 1, "bake_set": 1,
    }  # fmt: skip
    copy.run("annotate")
    after = copy.results()
    changed = {path for path in before if before[path] != after[path]}
    assert changed == {
        "annotate/baked/feb25_s2_v1_e1/Other/stats.json",
        "annotate/baked/feb25_s2_v1_e1/bake_config.json",
        "annotate/baked/feb25_s2_v1_e1/eval.json",
        "annotate/baked/feb25_s2_v1_e1/stats.json",
        "annotate/report.html",
    }


def test_without_the_section_nothing_of_it_is_planned(fresh):
    planned = fresh.planned()
    assert planned and not planned.keys() & {"genes", "parts", "bake", "bake_set"}
    assert fresh.snakemake("annotate", "-n").returncode != 0
