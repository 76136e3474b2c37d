"""For all tests: a copy of the repository with a small configuration, run once for those that need it."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from hypothesis import settings

# A busy machine takes its time; no test measures it.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

REPOSITORY = Path(__file__).parents[1]
# What a run writes, and what it does not read.
NOT_COPIED = {
    *(REPOSITORY / name for name in ("results", "logs", "models", "work", "benchmarks", "tests")),
    REPOSITORY / "resources/demo",
}

# The demo made smaller: fewer frames, shorter training, and beside the first cut a second one that
# reads as VirNucPro and trains on coding frames.
SAMPLES = """\
sample	fasta	label	category	annotation	groups	genetic_code	max_frames	bases
viral	resources/demo/viral.fa.gz	viral		resources/demo/viral.gbff.gz	resources/demo/viral.groups.tsv	11	70	69372
bacteria	resources/demo/bacteria.fa.gz	host	bacteria	resources/demo/bacteria.gbff.gz	resources/demo/bacteria.groups.tsv	11	60	61310
query	resources/demo/query.fa.gz					11	40	25624
"""  # noqa: E501
RECIPE = {"optimizer": "adamw", "lr": 0.0005, "max_epochs": 3}
CONFIG = {
    "samples": "samples.tsv",
    "simulate": {"seed": 1},
    "cuts": {
        "w300": {"window": 300},
        "w150": {
            "window": 150,
            "scheme": "virnucpro",
            "frames": "virnucpro",
            "training": "virnucpro",
        },
    },
    "fusions": {"both": ["demo_dnabert_s", "demo_esm2"], "dna": ["demo_dnabert_s"]},
    "experiments": {
        "long": {"cut": "w300", "fusion": "both", "train": RECIPE},
        "short": {"cut": "w150", "fusion": "dna", "train": RECIPE},
    },
    "predict": {"experiments": ["long"]},
    "export": ["npy", "virnucpro"],
    "threads": 1,
    "embed": {"shard_bases": 18000},
}


@dataclass(frozen=True)
class Project:
    """A folder with the workflow."""

    folder: Path

    def configure(self, **changes: object) -> None:
        (self.folder / "config.yaml").write_text(yaml.safe_dump(CONFIG | changes))

    def command(self, *arguments: str) -> list[str]:
        profile = ["--profile", "profiles/ci", "--configfile", "config.yaml"]
        # Targets come first: --configfile would take them for more files.
        return [sys.executable, "-m", "snakemake", *arguments, *profile]

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        """Run to the end and return the output; a failed run fails the test."""
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def planned(self, *arguments: str) -> dict[str, int]:
        """The number of jobs by rule in a dry run."""
        return job_counts(self.run(*arguments, "-n"))

    def results(self) -> dict[str, bytes]:
        """Every result by path, without timings and temporary files of killed jobs."""
        root = self.folder / "results"
        files = [path for path in root.rglob("[!.]*") if path.is_file()]
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in files
            if path.relative_to(root).parts[0] != "benchmarks"
        }


def job_counts(dry_run: str) -> dict[str, int]:
    """The number of jobs by rule, but for `all`, in what a dry run says."""
    counts = re.findall(r"^([a-z]\w*) +(\d+)$", dry_run, re.MULTILINE)
    return {name: int(count) for name, count in counts if name not in ("all", "total")}


def not_copied(folder: str, names: list[str]) -> list[str]:
    hidden = [name for name in names if name.startswith(".") or name == "__pycache__"]
    return hidden + [name for name in names if Path(folder, name) in NOT_COPIED]


def make_project(folder: Path) -> Project:
    shutil.copytree(REPOSITORY, folder, ignore=not_copied)
    (folder / "samples.tsv").write_text(SAMPLES)
    project = Project(folder)
    project.configure()
    return project


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A project in which nothing has run."""
    return make_project(tmp_path / "project")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that ran to the end; tests must not change it."""
    project = make_project(tmp_path_factory.mktemp("finished") / "project")
    project.run()
    return project


@pytest.fixture
def copy(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished project, times of files included, for tests that change it."""
    folder = tmp_path / "project"
    shutil.copytree(finished.folder, folder, symlinks=True, copy_function=shutil.copy2)
    # Rules do not depend on folder times, but the metadata of Snakemake must be copied.
    assert (folder / ".snakemake").is_dir() and os.access(folder, os.W_OK)
    return Project(folder)
