"""Reruns depend on the contents of input files, not on times, paths or the order of the sheet."""

import os
import shutil

import pytest
from projects import Project, make_project
from seqs_data import letters

CONFIG = """\
samples: samples.tsv
cuts: {w300: {window: 300, frames: longest_orf}}
fusions: {dna: [dnabert_s]}
experiments: {e: {cut: w300, fusion: dna}}
"""
SHEET = [
    "sample	fasta	label	groups",
    "virus	virus.fa	viral	groups.tsv",
    "yeast	yeast.fa	host	",
]
TARGETS = [f"results/shards/w300/{name}/0001-of-0001.parquet" for name in ("virus", "yeast")]


def fasta(seed, contigs=6):
    return "".join(f">c{i}\n{letters(seed + i, 2000).decode()}\n" for i in range(contigs))


@pytest.fixture(scope="module")
def divided(tmp_path_factory):
    """A project with genomes of a user, up to shards and split."""
    project = make_project(tmp_path_factory.mktemp("divided") / "project")
    (project.folder / "config.yaml").write_text(CONFIG)
    (project.folder / "virus.fa").write_text(fasta(100))
    (project.folder / "yeast.fa").write_text(fasta(200))
    groups = "".join(f"c{i}\tfamily{i}\n" for i in range(6))
    (project.folder / "groups.tsv").write_text(f"contig\tgroup\n{groups}")
    write_sheet(project, SHEET)
    project.run(*TARGETS, "results/splits/e.parquet")
    return project


@pytest.fixture
def shards(divided, tmp_path):
    """A copy of the project, with other inodes and times."""
    shutil.copytree(divided.folder, tmp_path / "project", copy_function=shutil.copy2)
    return Project(tmp_path / "project")


def write_sheet(project, lines):
    (project.folder / "samples.tsv").write_text("\n".join(lines) + "\n")


def planned(project):
    return project.planned(*TARGETS, "results/splits/e.parquet")


def test_a_touched_or_moved_file_and_reordered_rows_rerun_nothing(shards):
    assert planned(shards) == {}
    store = shards.folder / "work/checksums.tsv"
    before = store.read_text()
    assert planned(shards) == {}
    assert store.read_text() == before, "an unchanged file was read again"
    for name in ("virus.fa", "groups.tsv"):
        os.utime(shards.folder / name)
    assert planned(shards) == {}
    (shards.folder / "moved").mkdir()
    for name in ("virus.fa", "groups.tsv"):
        shutil.move(shards.folder / name, shards.folder / "moved")
    write_sheet(
        shards, [SHEET[0], SHEET[2], "virus	moved/virus.fa	viral	moved/groups.tsv"]
    )
    assert planned(shards) == {}


@pytest.mark.parametrize(
    ("name", "change", "rules"),
    [
        ("virus.fa", ("A", "C"), {"index": 1, "plan": 1, "frames": 1, "split": 1}),
        ("groups.tsv", ("family1", "family0"), {"split": 1}),
    ],
)
def test_another_file_of_the_same_size_with_an_older_time_is_detected(shards, name, change, rules):
    file, other = shards.folder / name, shards.folder / "other"
    other.write_text(file.read_text().replace(*change))
    assert other.stat().st_size == file.stat().st_size
    os.utime(other, (0, 0))
    os.replace(other, file)
    assert planned(shards) == rules
