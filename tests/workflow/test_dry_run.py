"""The whole DAG before any result exists, for all targets and all profiles."""

import re
import subprocess
from pathlib import Path

import pytest
from projects import CONFIG, RECIPE, SAMPLES, Project, job_counts, make_project

from seqloom.config.resources import Needs
from seqloom.config.settings import load_settings

# test_protein_set.py runs most of these.
NOT_IN_THE_CONFIG = {"download", "proteins", "export_hdf5", "export_uniprot", "export_pt"}
NOT_IN_THE_CONFIG |= {"records", "export_residues", "validate_sample", "validate"}
REPOSITORY = Path(__file__).parents[2]
# What a profile adds to each job, and what to the jobs that need a GPU.
CPU = {"slurm_partition": "cpu"}
SITES = {
    "ci": ({}, {}),
    "local": ({}, {}),
    "workstation-a6000": ({}, {}),
    "slurm-a6000": (CPU, {"slurm_partition": "gpu", "gpu_model": "a6000"}),
    "dgx-spark": ({"slurm_partition": "spark"}, {"gpu_model": "gb10"}),
    "dgx-spark-ssh": ({}, {}),
    "slurm-mixed": (CPU, {"slurm_partition": "gpu,spark"}),
}
ON_A_GPU = {"embed_shard", "embed_residues", "train_on_gpu", "validate_sample"}
ON_A_GPU |= {"sft", "grpo", "predict_genet5"}
GENES = {"species": {"bacteria": "prokaryote"}, "backend": "demo_dnabert_s", "model": {}}
GENES |= {"validation": ["bacteria/a"], "grpo": {}, "predict": {"job_bases": 20_000}}


def test_the_whole_dag_and_all_resources_are_known_before_any_file_exists(fresh):
    text = fresh.run("-n", "-p")
    planned = job_counts(text)
    for rule in (REPOSITORY / "rules").glob("*.smk"):
        names = [
            line.split()[1].rstrip(":")
            for line in rule.read_text().splitlines()
            if line.strip().startswith("rule ")
        ]
        missing = set(names) - set(planned) - NOT_IN_THE_CONFIG
        assert not missing, f"{rule.name}: {missing} not planned"
    # A plan that read results would fail at random while another run removes them.
    resources = [line for line in text.splitlines() if line.strip().startswith("resources:")]
    assert len(resources) == sum(planned.values()) + 1, "all jobs and `all`"
    for line in resources:
        assert "mem_mb=<TBD>" not in line and "runtime=<TBD>" not in line, line

    targets = ["embed", "train", "evaluate", "predict", "export"]
    together = fresh.planned(*targets, "report")
    assert [together.pop(target, 0) for target in targets] == [1] * len(targets)
    assert together == planned


def test_a_file_that_a_sample_cannot_have_is_refused(fresh):
    for sample, file in {
        "nobody": "genomes/nobody.fa.gz",
        "viral": "predictions/long/viral/contigs.tsv",
        "query": "coding/query.parquet",
        "bacteria": "shards/whole/bacteria/0001-of-0001.parquet",
    }.items():
        done = fresh.snakemake("-n", f"results/{file}")
        assert done.returncode == 1
        assert f"sample {sample}: no rule makes this file; correct the target" in done.stdout


def test_estimated_matrix_sizes_cover_the_real_ones(finished, monkeypatch):
    monkeypatch.chdir(finished.folder)
    needs = Needs(load_settings(CONFIG))
    for file in (finished.folder / "results" / "embeddings").rglob("*.safetensors"):
        *_, backend, cut, sample, _ = file.parts
        foreseen = needs.shard_mb(backend, cut, sample)
        assert foreseen / 4 < file.stat().st_size / 1e6 < foreseen + 0.1, file


@pytest.fixture(scope="module")
def with_all_gpu_jobs(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small project with proteins, genes, trainings for a GPU, a model for large memory."""
    project = make_project(tmp_path_factory.mktemp("profiles") / "project")
    heavy = {"cut": "w300", "fusion": "both"}
    heavy["train"] = RECIPE | {"hidden": 100_000, "max_epochs": 1000}
    project.configure(
        experiments=CONFIG["experiments"] | {"heavy": heavy},
        protein_backends=["demo_prot_t5"],
        residue_backends=["demo_prot_t5"],
        annotate=GENES,
    )
    header, *rows = SAMPLES.splitlines()
    proteins = ["set", "p.faa", *[""] * 6, "2", "protein"]
    lines = [f"{header}\tmolecule", *(f"{row}\tdna" for row in rows), "\t".join(proteins)]
    (project.folder / "samples.tsv").write_text("".join(f"{line}\n" for line in lines))
    (project.folder / "p.faa").write_text(">a\nMK\n")
    # As a site would, which has a model that is too large for the other GPUs.
    mixed = project.folder / "profiles/slurm-mixed/profile.yaml"
    mixed.write_text(mixed.read_text().replace("my_large_model", "demo_esm2"))
    return project


@pytest.fixture(scope="module")
def asked_by_the_rules(with_all_gpu_jobs) -> dict[tuple[str, str], dict[str, str]]:
    return asked_by_job(with_all_gpu_jobs, "ci")


def asked_by_job(project: Project, profile: str) -> dict[tuple[str, str], dict[str, str]]:
    """What each job of a dry run asks for, by rule and wildcards."""
    command = project.command("all", "results/validation/set.tsv", "-n", "-p")
    done = subprocess.run(
        [word.replace("profiles/ci", f"profiles/{profile}") for word in command],
        cwd=project.folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = {}
    for block in re.split(r"\n\s*\n", done.stdout):
        found = dict(re.findall(r"^ *(rule|localrule|wildcards|resources):? (.+?):?$", block, re.M))
        if "resources" in found:
            name = found.get("rule") or found["localrule"]
            pairs = [pair.split("=", 1) for pair in found["resources"].split(", ")]
            jobs[name, found.get("wildcards", "")] = dict(pairs)
    return jobs


def test_every_profile_is_in_this_table():
    assert {path.name for path in (REPOSITORY / "profiles").iterdir()} == SITES.keys()


@pytest.mark.parametrize("profile", SITES)
def test_jobs_ask_for_what_their_rules_and_the_site_say(
    with_all_gpu_jobs, asked_by_the_rules, profile
):
    everywhere, on_a_gpu = SITES[profile]
    jobs = asked_by_job(with_all_gpu_jobs, profile)
    assert jobs.keys() == asked_by_the_rules.keys()
    assert {rule for rule, _ in jobs} >= ON_A_GPU | {"train_classifier", "fuse", "proteins"}
    for (rule, wildcards), asked in jobs.items():
        site = everywhere | (on_a_gpu if rule in ON_A_GPU else {})
        if profile == "slurm-mixed" and "backend=demo_esm2" in wildcards and rule in ON_A_GPU:
            site = {"slurm_partition": "spark"}
        assert some(asked, "slurm_partition", "gpu_model") == site, (rule, wildcards)
        expected = ("1", "1") if rule in ON_A_GPU else ("0", None)
        assert (asked.get("gpu", "0"), asked.get("nodes")) == expected, (rule, wildcards)
        by_rule = some(asked_by_the_rules[rule, wildcards], "mem_mb", "runtime")
        assert some(asked, *by_rule) == by_rule, (rule, wildcards)
        assert len(by_rule) == 2 or rule in ("all", "validate"), rule


def some(asked: dict[str, str], *names: str) -> dict[str, str]:
    return {name: asked[name] for name in names if name in asked}
