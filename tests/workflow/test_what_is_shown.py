"""The terminal output: short unless the user asks for more."""

import gzip

import pytest
from projects import Project

GOOD = ">a\n" + "ATGGCTGCTGCTAAAGCTGCTGCAGGC" * 20 + "\n"
HEADER = "sample\tfasta\n"


@pytest.fixture
def small(fresh: Project) -> Project:
    """A run of three jobs: one index, the report, all."""
    (fresh.folder / "good.fa").write_text(GOOD)
    (fresh.folder / "samples.tsv").write_text(f"{HEADER}good\tgood.fa\n")
    fresh.configure(fusions={}, experiments={}, predict={}, simulate=None, export=[])
    return fresh


def test_a_job_gives_one_line_and_the_complete_log_has_the_rest(small):
    lines = small.run().splitlines()
    index, report, everything = [line for line in lines if line.startswith("[")]
    assert "] 1/3 index good: done in 0:00:" in index
    assert ", 540 letters, " in index, "the rate is in the log of the job"
    assert "] 2/3 report: done in" in report
    assert "] 3/3 all: done in" in everything
    assert not [line for line in lines if "results/" in line]
    [complete] = [line.split()[-1] for line in lines if line.startswith("Complete log(s): ")]
    with open(complete) as log:
        assert "output: results/genomes/good.fa.gz" in log.read()
    assert "Nothing to be done" in small.run("-n")


def test_a_failed_job_shows_its_error_once_and_its_log(small):
    (small.folder / "cut.fa").write_bytes(gzip.compress((GOOD * 50).encode(), mtime=0)[:-20])
    (small.folder / "samples.tsv").write_text(f"{HEADER}cut\tcut.fa\ngood\tgood.fa\n")
    done = small.snakemake("--keep-going")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    [at] = [number for number, line in enumerate(lines) if "index cut: failed after" in line]
    assert lines[at + 1].startswith("    error: cut.fa after line ")
    assert lines[at + 2] == "    log: logs/index/cut.log"
    assert done.stdout.count("error: cut.fa") == 1
    assert "1 of 4 jobs failed:\n    index cut, log: logs/index/cut.log\n" in done.stdout
    assert "/4 index good: done in" in done.stdout
    assert len(lines) < 30


def test_options_for_more_output_work(small):
    files = "output: results/genomes/good.fa.gz"
    assert files not in small.run("-n")
    assert files in small.run("-n", "--verbose")
    shown = small.run("-n", "--printshellcmds")
    assert files in shown
    assert "Shell command: index.py --sample good" in shown


def test_the_plan_of_300_samples_fits_on_a_screen(small):
    rows = [f"s{number}\tgood.fa\n" for number in range(300)]
    (small.folder / "samples.tsv").write_text(HEADER + "".join(rows))
    plan = small.run("-n")
    assert len(plan) < 2000
    assert plan.count("Job stats") == 1
    assert ["index", "300"] in [line.split() for line in plan.splitlines()]
