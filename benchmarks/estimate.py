#!/usr/bin/env python3
"""What a dry run estimates of a run on this CPU, beside what the run then took and wrote.

The workflow runs in a copy of the repository, up to `plan` and then to the end. Seconds are the
sums over all jobs of a script: as estimated before the run, with guessed frames, and after
`plan`, with counted ones; of the processor; by the clock, which other programs delay. Prints
markdown.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import chdir
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "rules", "workflow", "envs", "resources", "profiles", "config")
ROW = re.compile(r"^(\w+) +([\d,]+)  cpu +(\d+):(\d\d):(\d\d) +.*?([\d.,]+ [kMG]B)  (\S+)$", re.M)
UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9}
# Python imports a module of this name whenever it starts; jobs are then on record.
NOTES = """\
import atexit, os, resource, sys, time
began = time.time()
def note():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    with open(os.environ["NOTES"], "a") as file:
        name = os.path.basename(sys.argv[0])
        print(name, usage.ru_utime + usage.ru_stime, time.time() - began, file=file)
if "workflow/scripts" in sys.argv[0]:
    atexit.register(note)
"""


def main(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in PARTS:
            (shutil.copytree if (REPOSITORY / part).is_dir() else shutil.copy)(
                REPOSITORY / part, folder / part
            )
        (folder / "sitecustomize.py").write_text(NOTES)
        os.environ |= {"PYTHONPATH": name, "NOTES": str(folder / "notes"), "OMP_NUM_THREADS": "1"}
        with chdir(folder):
            compare(args.config)


def compare(config: Path) -> None:
    guessed = snakemake(config, "-n")
    begin = time.time()
    snakemake(config, "--until", "plan")
    counted = snakemake(config, "-n", "-F")
    snakemake(config)
    seconds = time.time() - begin
    cpu, clock = Counter(), Counter()
    for line in Path("notes").read_text().splitlines():
        script, processor, wall = line.split()
        cpu[script.removesuffix(".py")] += float(processor)
        clock[script.removesuffix(".py")] += float(wall)
    print("| script | jobs | guessed frames, s | counted frames, s | CPU, s | clock, s |")
    print("| --- | --- | --- | --- | --- | --- |")
    jobs, before, after = by_script(guessed)[0], by_script(guessed)[1], by_script(counted)[1]
    for script in before:
        numbers = before[script], after[script], cpu[script], clock[script]
        print(f"| {script} | {jobs[script]} |", " | ".join(f"{n:.1f}" for n in numbers), "|")
    sums = before.total(), after.total(), cpu.total(), clock.total()
    print("| all |", jobs.total(), "|", " | ".join(f"{n:.0f}" for n in sums), "|")
    print(f"\nThe run took {seconds:.0f} s by the clock, with a load of {os.getloadavg()[1]:.0f}.")
    for line in (guessed, counted):
        print(*re.findall(r"^run .*", line, re.M))
    print("\n| folder | guessed frames, MB | counted frames, MB | written, MB |")
    print("| --- | --- | --- | --- |")
    before, after = by_folder(guessed), by_folder(counted)
    for name in sorted(before):
        written = sum(file.stat().st_size for file in Path(name).rglob("*") if file.is_file())
        print(f"| {name} | {before[name]:.1f} | {after[name]:.1f} | {written / 1e6:.1f} |")


def snakemake(config: Path, *options: str) -> str:
    line = [sys.executable, "-m", "snakemake", *options, "--profile", "profiles/ci"]
    done = subprocess.run(
        [*line, "--configfile", config], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        sys.exit(done.stdout)
    return done.stdout


def by_script(text: str) -> tuple[Counter, Counter]:
    """Jobs and seconds of each script in an estimate."""
    jobs, seconds = Counter(), Counter()
    for rule, count, hours, minutes, rest, _, _ in ROW.findall(text):
        script = rule if rule == "fetch_model" else rule.split("_")[0]
        jobs[script] += int(count.replace(",", ""))
        seconds[script] += 3600 * int(hours) + 60 * int(minutes) + int(rest)
    return jobs, seconds


def by_folder(text: str) -> Counter:
    """Megabytes that an estimate says."""
    found = Counter()
    for *_, disk, folder in ROW.findall(text):
        number, unit = disk.split()
        found[folder] += float(number.replace(",", "")) * UNITS[unit] / 1e6
    return found


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--config", type=Path, default=Path("config/demo.yaml"))
    main(options.parse_args())
