#!/usr/bin/env python3
"""One sample of many genome files against the same genomes in one file: planning, index, plan.

Prints markdown; MB is the peak memory of a process in millions of bytes.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import cost_of
from xopen import xopen

REPOSITORY = Path(__file__).resolve().parents[1]
BASES = 20_000
CONFIG = """\
samples: samples.tsv
cuts: {w300: {window: 300, scheme: virnucpro, frames: virnucpro}}
export: [virnucpro]
"""
INDEX, PLAN = "results/genomes/x.fa.gz", "results/plans/w300/x.parquet"
SNAKEMAKE = [sys.executable, "-m", "snakemake"]
SETTINGS = ["--snakefile", REPOSITORY / "Snakefile", "--configfile", "config.yaml"]
SETTINGS += ["--profile", REPOSITORY / "profiles" / "ci"]


def write_genomes(folder: Path, count: int) -> None:
    """`count` files of a genome each in many/, all of them in one.fa.gz."""
    random = np.random.default_rng(0)
    (folder / "many").mkdir()
    with xopen(folder / "one.fa.gz", "wb", threads=0) as whole:
        for number in range(count):
            letters = random.choice(np.frombuffer(b"ACGT", np.uint8), BASES).tobytes()
            text = b">g%d\n%s\n" % (number, letters)
            whole.write(text)
            with xopen(folder / "many" / f"g{number:06}.fa.gz", "wb", threads=0) as file:
                file.write(text)


def cost_of_run(folder: Path, *options: str) -> str:
    cost = cost_of(*SNAKEMAKE, *options, *SETTINGS, cwd=folder)
    peaks = [cost.megabytes]
    for record in (folder / "results" / "benchmarks").rglob("x.tsv"):
        peaks.append(float(record.read_text().splitlines()[1].split("\t")[2]))
    return f"{cost.seconds:.1f} s, {max(peaks):.0f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        write_genomes(Path(temporary), options.files)
        print("| sample | first dry-run | second | index | plan |\n| --- | --- | --- | --- | --- |")
        for fasta in ("one.fa.gz", "many/"):
            folder = Path(temporary) / f"run_{fasta[:3]}"
            folder.mkdir()
            (folder / "config.yaml").write_text(CONFIG)
            (folder / "samples.tsv").write_text(f"sample\tfasta\nx\t../{fasta}\n")
            costs = [cost_of_run(folder, *a) for a in (["-n"], ["-n"], [INDEX], [PLAN])]
            print("|", " | ".join([fasta, *costs]), "|", flush=True)


if __name__ == "__main__":
    main()
