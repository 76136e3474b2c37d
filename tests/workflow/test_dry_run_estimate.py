"""The estimate at the end of a dry run."""

import re
from pathlib import Path

import pytest
from projects import REPOSITORY, Project, job_counts

from seqloom.config.rates import RATES

ROW = re.compile(r"^(\w+) +([\d,]+)  (\w+) +[\d:]+ .*?([\d.,]+) ([kMG]B)  (\S+)$", re.MULTILINE)
UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9}
GPUS = ("--resources", "a6000=4", "gb10=2")


def jobs_of(text: str) -> dict[str, int]:
    """The number of jobs by rule in the table of an estimate."""
    found: dict[str, int] = {}
    for rule, number, *_ in ROW.findall(text):
        found[rule] = found.get(rule, 0) + int(number)
    return found


def devices_of(text: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for rule, _, device, *_ in ROW.findall(text):
        found.setdefault(rule, set()).add(device)
    return found


def test_every_rule_with_outputs_has_rates():
    rules = "".join(path.read_text() for path in (REPOSITORY / "rules").rglob("*.smk"))
    names = set(re.findall(r"^ *(?:rule|use rule \w+ as) (\w+)", rules, re.MULTILINE))
    assert RATES.keys() == names - {"validate"}


def test_before_anything_exists_all_jobs_are_counted_on_the_gpus_that_are_given(fresh):
    text = fresh.run("-n", *GPUS)
    assert jobs_of(text) == job_counts(text)
    devices = devices_of(text)
    assert devices.pop("embed_shard") <= {"a6000", "gb10"}
    assert set().union(*devices.values()) == {"cpu"}
    assert re.search(r"^run +\d.* from .* to .*, with 4 a6000.* and 2 cores$", text, re.MULTILINE)
    assert re.search(r"^GPUs +\d.* of a6000$", text, re.MULTILINE)
    assert "Embedding alone takes" in text
    assert "Frames are guessed" in text and "No GPU is given" not in text


def test_without_a_gpu_the_same_jobs_are_counted_on_the_cpu_and_a_line_says_so(fresh):
    text = fresh.run("embed", "-n")
    assert devices_of(text)["embed_shard"] == {"cpu"}
    assert f"No GPU is given: {job_counts(text)['embed_shard']} jobs" in text
    assert "Embedding alone" not in text


@pytest.mark.parametrize(
    ("profile", "devices"), [("slurm-a6000", {"a6000"}), ("dgx-spark", {"gb10"})]
)
def test_a_profile_says_which_gpu_a_job_takes(fresh, profile, devices):
    done = fresh.snakemake("embed", "-n", "--profile", f"profiles/{profile}")
    assert devices_of(done.stdout)["embed_shard"] == devices
    assert re.search(r"^run .* jobs at once$", done.stdout, re.MULTILINE)


def test_a_half_finished_run_counts_what_is_left(copy):
    assert "Estimate" not in copy.run("-n")
    shards = Path(copy.folder, "results/embeddings/demo_esm2/w300/query")
    next(shards.iterdir()).unlink()
    text = copy.run("-n")
    assert jobs_of(text)["embed_shard"] == jobs_of(text)["fuse"] == 1
    assert "Frames are guessed" not in text


def test_the_disk_of_matrices_is_that_of_the_counted_frames(finished: Project):
    text = finished.run("-n", "-F")
    assert "Frames are guessed" not in text, "contigs.tsv counts them"
    for folder in ("embeddings", "fused"):
        root = finished.folder / "results" / folder
        real = sum(file.stat().st_size for file in root.rglob("*.safetensors"))
        foreseen = sum(
            float(number) * UNITS[unit]
            for *_, number, unit, name in ROW.findall(text)
            if name == f"results/{folder}"
        )
        assert foreseen == pytest.approx(real, rel=0.2)
