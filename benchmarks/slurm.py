#!/usr/bin/env python3
"""The demo on a real Slurm of this machine beside a local run: seconds, and where they go.

Needs root, slurm-wlm, munge and PYTHONPATH=tests:tests/cluster.
"""

import argparse
import csv
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from local_slurm import running_slurm
from projects import Project, make_project

ON_SLURM = ("--slurm-status-command", "squeue")


def run(project: Project, profile: str, environment: Mapping[str, str], *options: str) -> float:
    """Run to the predictions and return the seconds."""
    command = [sys.executable, "-m", "snakemake", "predict", *options]
    begin = time.time()
    subprocess.run(
        [*command, "--profile", f"profiles/{profile}", "--configfile", "config/demo.yaml"],
        cwd=project.folder,
        env=environment | {"OMP_NUM_THREADS": "1"},
        check=True,
        stdout=sys.stderr,
    )
    return time.time() - begin


def times_of_jobs(environment: Mapping[str, str]) -> list[tuple[float, float, float]]:
    """When each submission was made, started and ended."""
    command = ["scontrol", "show", "job"]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = re.findall(r"(Submit|Start|End)Time=(\d\S+)", answer.stdout)
    times = [datetime.fromisoformat(text).timestamp() for _, text in found]
    return list(zip(times[::3], times[1::3], times[2::3], strict=True))


def covered(spans: list[tuple[float, float]]) -> float:
    """The seconds that lie in one of them at least."""
    total, until = 0.0, 0.0
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


def command_seconds(project: Project) -> tuple[int, float]:
    """The number of commands on nodes, and how long they ran together."""
    files = project.folder.glob("results/benchmarks/**/*.tsv")
    files = [file for file in files if "fetch_model" not in file.parts]  # never on a node
    rows = [next(csv.DictReader(file.open(), delimiter="\t")) for file in files]
    return len(rows), sum(float(row["s"]) for row in rows)


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        slurm, local = (make_project(Path(folder, name)) for name in ("slurm", "local"))
        with running_slurm(Path(folder, "slurm_itself")) as environment:
            begin = time.time()
            slurm_seconds = run(slurm, "slurm-a6000", environment, *ON_SLURM)
            jobs = times_of_jobs(environment)
        before = cpu()
        local_seconds = run(local, "ci", environment)
        local_cpu = cpu() - before
        if slurm.results() != local.results():
            sys.exit("error: the results differ")
        count, commands = command_seconds(slurm)
        allocated = sum(end - start for _, start, end in jobs)
        first = min(submitted for submitted, _, _ in jobs) - begin
        busy = covered([(start, end) for _, start, end in jobs])
        rows = {
            "local run, two jobs at a time": local_seconds,
            "- seconds of the processors": local_cpu,
            "- commands of all jobs together": command_seconds(local)[1],
            f"on Slurm, {len(jobs)} submissions": slurm_seconds,
            "- until the first submission (with jobs of the login node)": first,
            "- a job of ours runs": busy,
            "- none runs: Snakemake has yet to ask, or to submit": slurm_seconds - first - busy,
            "waiting for a node, all submissions together": sum(s - q for q, s, _ in jobs),
            "on nodes, all submissions together": allocated,
            f"- {count} commands": commands,
            "- Slurm and the two starts of Snakemake": allocated - commands,
        }
        print(f"{len(slurm.results())} equal results\n\n| | s |\n| --- | --- |")
        for name, seconds in rows.items():
            print(f"| {name} | {seconds:.0f} |")


if __name__ == "__main__":
    main()
