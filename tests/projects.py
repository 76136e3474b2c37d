"""A copy of the repository with a small configuration, for tests that run Snakemake."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

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
