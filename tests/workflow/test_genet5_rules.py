"""The model of gene annotation through the rules: a small genome, a tiny model, a few steps."""

import csv
import json
import os
import re
import signal
import subprocess
import time

import pytest
from made_genome import write_species
from projects import Project, make_project
from test_bake import CONFIG as NO_CLASSIFIER

from seqloom.seqs.gene_reader import read_genes

FOLDER = "results/annotate"
STAGES = f"{FOLDER}/genet5/set"
SECTION = {
    "raw": "raw",
    "species": {"A.one": "unicellular", "Other": "unicellular"},
    "backend": "demo_dnabert_s",
    "windows": {"limits": {"unicellular": 600}},
    "rules": {"splice_sites": False, "codons": False, "frame": False},
    "validation": ["A.one/chr2"],
    "test": ["Other"],
    "model": {"width": 16, "layers": 1, "heads": 2, "inner": 32},
    "sft": {"steps": 40, "batch": 4, "lr": 1e-3, "evaluate_every": 10, "evaluate_windows": 2},
    "grpo": {"prompts": 1, "group": 2, "steps": 1},
    "predict": {"window": 600, "overlap": 100, "job_bases": 6000},
}
# What follows a change of the model.
USED = {"score_genes": 6, "gene_proteins": 6, "join_genet5": 6, "predict_genet5": 9}
USED |= {"join_gene_scores": 1, "gene_report": 1}


def configured(project: Project, **changes: object) -> None:
    project.configure(**NO_CLASSIFIER | {"annotate": SECTION | changes})


@pytest.fixture(scope="module")
def started(tmp_path_factory) -> Project:
    """A project with a model that is not trained yet."""
    project = make_project(tmp_path_factory.mktemp("genet5") / "project")
    write_species(project.folder / "raw/A.one", 1, {"chr1": 6000, "chr2": 1500})
    write_species(project.folder / "raw/Other", 2, {"chr1": 1200})
    configured(project)
    project.run("init")
    return project


@pytest.fixture(scope="module")
def finished_genes(started) -> Project:
    """The whole way; tests must not change it."""
    started.run("annotate")
    return started


def test_a_training_that_is_killed_goes_on(started):
    run = subprocess.Popen(started.command("sft"), cwd=started.folder, start_new_session=True)
    log = started.folder / "logs/annotate/sft.log"
    while run.poll() is None and not (log.exists() and "step 20 of 40" in log.read_text()):
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    started.run("sft")
    assert re.search("going on after step [123]0 of 40", log.read_text())
    assert not list(started.folder.glob("work/annotate/sft/*"))


def test_every_program_of_ours_is_in_the_table_and_on_the_page(finished_genes):
    with open(finished_genes.folder / FOLDER / "scores.tsv", newline="") as file:
        programs = {row["program"] for row in csv.DictReader(file, delimiter="\t")}
    assert programs == {"genet5_sft", "genet5_grpo", "genet5_segment"}
    page = (finished_genes.folder / FOLDER / "report.html").read_text()
    for shown in ("What these numbers are worth", "began as random numbers", "Reward of GRPO"):
        assert shown in page
    assert "genet5_grpo, the pointer head on windows of 600 bases" in page
    with open(finished_genes.folder / STAGES / "sft/training_log.csv", newline="") as file:
        steps = [int(row["global_step"]) for row in csv.DictReader(file)]
    assert steps == list(range(1, 41))
    report = json.loads((finished_genes.folder / STAGES / "init/init_report.json").read_text())
    assert report["from"] == "random"


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({}, {}),
        ({"sft": SECTION["sft"] | {"lr": 2e-3}}, USED | {"sft": 1, "grpo": 1}),
        ({"sft": SECTION["sft"] | {"checkpointing": True}}, {"gene_report": 1}),
        (
            {"grpo": SECTION["grpo"] | {"beta": 0.1}},
            {"grpo": 1, "predict_genet5": 3, "join_genet5": 2, "score_genes": 2}
            | {"gene_proteins": 2, "join_gene_scores": 1, "gene_report": 1},
        ),
        ({"model": SECTION["model"] | {"seed": 1}}, USED | {"init": 1, "sft": 1, "grpo": 1}),
    ],
)
def test_a_changed_setting_reruns_what_follows_from_it(finished_genes, changes, rules):
    configured(finished_genes, **changes)
    planned = finished_genes.planned("annotate")
    configured(finished_genes)
    planned.pop("annotate", None)
    assert planned == rules


def test_a_genome_without_an_annotation_gets_genes_and_nothing_else_is_made_again(finished_genes):
    folder = finished_genes.folder
    (folder / "new.fa").write_text(f">n\n{'ATGGCATTTTAA' * 100}\n")
    (folder / "new.tsv").write_text("sample\tfasta\nnew\tnew.fa\n")
    predict = SECTION["predict"] | {"samples": {"new": "unicellular"}}
    finished_genes.configure(
        **NO_CLASSIFIER | {"annotate": SECTION | {"predict": predict}, "samples": "new.tsv"}
    )
    planned = finished_genes.planned("annotate")
    assert planned.pop("predict_genet5") == planned.pop("join_genet5") == 3
    assert planned.keys() == {"annotate", "index", "gene_report"}
    files = [f"{FOLDER}/predictions/genet5_segment/new{kind}" for kind in (".gff3", ".gtf")]
    finished_genes.run(files[0])
    configured(finished_genes)
    for file in files:
        read_genes([str(folder / file)], {"n": 1200})


def test_a_changed_place_bakes_and_trains_again(finished_genes):
    configured(finished_genes, validation=["A.one/chr2:1-1000"])
    planned = finished_genes.planned("annotate")
    configured(finished_genes)
    assert planned["bake"] == 1 and "genes" not in planned
    assert [planned[stage] for stage in ("bake_set", "init", "sft", "grpo")] == [1, 1, 1, 1]
