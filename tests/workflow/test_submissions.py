"""Jobs that share a cluster submission, with an executor that submits to local processes."""

import json
import os
import subprocess
from math import ceil
from pathlib import Path

import yaml
from projects import Project

from seqloom.config.paths import Paths
from seqloom.config.resources import Needs
from seqloom.config.settings import load_settings

CONFIG = """\
samples: samples.tsv
cuts: {w300: {window: 300, scheme: virnucpro, frames: virnucpro}}
export: [virnucpro]
"""
MANY_SHARDS = """\
samples: samples.tsv
cuts: {w300: {window: 300}}
fusions: {wide: [fastesm2_650]}
experiments: {e: {cut: w300, fusion: wide}}
kmer: false
export: [npy]
"""
GOOD = ">a\n" + "ATGGCTGCTGCTAAAGCTGCTGCAGGC" * 20 + "\n"


def submit(project: Project, *arguments: str) -> tuple[subprocess.CompletedProcess, list[dict]]:
    """Run with the profile of a cluster; what ran, and what each submission asked for."""
    command = project.command("--executor", "processes", *arguments)
    command = [word.replace("profiles/ci", "profiles/slurm-a6000") for word in command]
    done = subprocess.run(
        command,
        cwd=project.folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).with_name("plugins"))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    asked = (project.folder / "submissions.jsonl").read_text().splitlines()
    return done, [json.loads(line) for line in asked]


def test_a_bad_sample_does_not_stop_others(fresh):
    files = {"good": GOOD, "fine": GOOD, "bad": ">a\nACGT!\n"}
    for name, text in files.items():
        (fresh.folder / f"{name}.fa").write_text(text)
    rows = "".join(f"{name}\t{name}.fa\n" for name in files)
    (fresh.folder / "samples.tsv").write_text(f"sample\tfasta\n{rows}")
    (fresh.folder / "config.yaml").write_text(CONFIG)
    done, submissions = submit(fresh, "--retries", "0", "--latency-wait", "5")
    assert done.returncode == 1, done.stdout
    made = fresh.folder.glob("results/export/virnucpro/w300/*.identified_protein.fa")
    assert sorted(path.name.split(".")[0] for path in made) == ["fine", "good"]
    assert done.stdout.count("error: bad.fa line 2") == 1
    assert "1 of 14 jobs failed:" in done.stdout
    prepared = {"index": 1, "plan": 1, "frames": 1}
    assert [asked["rules"] for asked in submissions[:3]] == [prepared] * 3
    exported = {"export_identified": 1}
    assert [asked["rules"] for asked in submissions[3:]] == [exported] * 2


def test_a_sample_of_500_shards_takes_few_submissions_of_bounded_size(fresh, monkeypatch):
    sheet = (
        "sample\tfasta\tlabel\tbases\nlarge\tx.fa\tviral\t50000000000\nsmall\tx.fa\thost\t5000\n"
    )
    (fresh.folder / "samples.tsv").write_text(sheet)
    (fresh.folder / "x.fa").write_text(GOOD)
    (fresh.folder / "config.yaml").write_text(MANY_SHARDS)
    monkeypatch.chdir(fresh.folder)
    settings = load_settings(yaml.safe_load(MANY_SHARDS))
    assert len(settings.shards("w300", "large")) == 500
    # With --immediate-submit jobs that run here are left out.
    for file in map(Path, Paths(settings).model("fastesm2_650")):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    done, submissions = submit(fresh, "--immediate-submit", "--notemp")
    assert done.returncode == 0, done.stdout
    needs = Needs(settings)
    memory = {
        "frames": needs.memory_to_cut("w300", "large"),
        "fuse": needs.memory_to_fuse("wide", "w300", "large"),
    }
    shard = {"cut": "w300", "sample": "large", "shard": settings.shards("w300", "large")[0]}
    shard["fusion"] = "wide"
    for rule, mem_mb in memory.items():
        together = [asked for asked in submissions if rule in asked["rules"]]
        # 50 of the large sample and one of the small, which has all of its short jobs.
        assert len(together) == 51
        assert max(asked["rules"][rule] for asked in together) == 10
        assert {asked["threads"] for asked in together} == {1}
        # They take turns: the memory of one, and the time of all.
        tens = [asked for asked in together if asked["rules"] == {rule: 10}]
        assert len(tens) >= 49
        assert {asked["mem_mb"] for asked in tens} == {ceil(mem_mb)}
        assert {asked["runtime"] for asked in tens} == {10 * ceil(needs.minutes(rule, shard))}


# Stands before frames.py: fails if another one runs.
ALONE = """\
#!/usr/bin/env bash
set -e
mkdir held
trap 'rmdir held' EXIT
sleep 1
frames_itself.py "$@"
"""


def test_jobs_of_a_submission_take_turns(fresh):
    scripts = fresh.folder / "workflow/scripts"
    (scripts / "frames.py").rename(scripts / "frames_itself.py")
    (scripts / "frames.py").touch(0o755)
    (scripts / "frames.py").write_text(ALONE)
    contigs = [GOOD.replace("a", name, 1) for name in "abcdefgh"]
    (fresh.folder / "x.fa").write_text("".join(contigs))
    (fresh.folder / "samples.tsv").write_text("sample\tfasta\tbases\nx\tx.fa\t4000\n")
    (fresh.folder / "config.yaml").write_text(CONFIG + "embed: {shard_bases: 1000}\n")
    done, submissions = submit(fresh, "--retries", "0", "--latency-wait", "5")
    assert done.returncode == 0, done.stdout
    assert submissions[0]["rules"] == {"index": 1, "plan": 1, "frames": 4}
