#!/usr/bin/env python3
"""Plans, cluster jobs and a run of 2,000,000 windows in 20,000 genomes, by samples and shards.

Prints markdown. s is of the processor (and by the clock), MB the peak memory in millions of bytes.
Operations are system calls that name a file or list a folder: on data, which is the folder of the
run, and on software. They need strace; without it their columns say so.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import yaml
from measure import cost_of

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow" / "scripts"))

from seqloom.config.paths import SHARD, Paths, filled  # noqa: E402
from seqloom.config.settings import load_settings  # noqa: E402

BASES = 30_000  # of a genome, which has 100 windows
SHARD_BASES = 100_000_000  # the default
# Query samples and bases of a shard.
LAYOUTS = [
    (1, SHARD_BASES),
    (20, SHARD_BASES),
    (1, 1_000_000),
    (1, 100_000),
    (200, SHARD_BASES),
    (2_000, SHARD_BASES),
    (20_000, SHARD_BASES),
]
REAL, DEMO = "dnabert_s, fastesm2_650", "demo_dnabert_s, demo_esm2"
CONFIG = """\
samples: samples.tsv
cuts: {{w300: {{window: 300}}}}
fusions: {{both: [{backends}]}}
experiments: {{main: {{cut: w300, fusion: both}}}}
predict: {{experiments: [main]}}
export: [npy]
embed: {{shard_bases: {shard_bases}}}
"""
WRITTEN = ["results/" + name for name in ("genomes", "plans", "contigs", "shards", "embeddings")]
WRITTEN += ["results/fused", "results/benchmarks", "logs", "work", ".snakemake"]
COUNTED = "%file,getdents64"
READ = "read,pread64"
CALL = re.compile(r'\d+ +(\w+)\((?:(?:AT_FDCWD|\d+)<([^>]*)>)?(?:, )?(?:"([^"]*)")?')


def write_genomes(folder: Path, count: int) -> None:
    """Files of one record each, pieces of the same 60 megabases."""
    random = np.random.default_rng(0)
    letters = random.choice(np.frombuffer(b"ACGT", np.uint8), 60_000_000)
    folder.mkdir()
    for number in range(count):
        start = random.integers(len(letters) - BASES)
        text = b">g%d\n%s\n" % (number, letters[start : start + BASES].tobytes())
        (folder / f"{number:06}.fa").write_bytes(text)


def write_project(folder: Path, genomes: Path, count: int, samples: int, config: str) -> None:
    """A run over `count` genomes: one of either label, all others queries of so many samples."""
    folder.mkdir()
    (folder / "genomes").symlink_to(genomes)
    (folder / "config.yaml").write_text(config)
    rows = [
        "sample\tfasta\tlabel\n",
        "v\tgenomes/000000.fa\tviral\n",
        "h\tgenomes/000001.fa\thost\n",
    ]
    for sample in range(samples):
        files = [f"genomes/{number:06}.fa" for number in range(2 + sample, count, samples)]
        (folder / f"{sample}.txt").write_text("\n".join(files))
        rows.append(f"q{sample}\t{files[0] if len(files) == 1 else f'@{sample}.txt'}\t\n")
    (folder / "samples.tsv").write_text("".join(rows))


def snakemake(checkout: Path, *options: object) -> list[object]:
    program = [sys.executable, "-m", "snakemake", "--snakefile", checkout / "Snakefile", *options]
    return [*program, "--profile", checkout / "profiles" / "ci", "--configfile", "config.yaml"]


def job_on_a_node(checkout: Path) -> list[object]:
    """What a cluster job does before it embeds the first shard of q0; inputs are empty here."""
    paths = run_paths()
    wildcards = {"cut": "w300", "sample": "q0", "shard": paths.settings.shards("w300", "q0")[0]}
    for file in map(Path, [*paths.model("dnabert_s"), *filled(SHARD.values(), **wildcards)]):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    values = ",".join(f"{name}={value}" for name, value in wildcards.items())
    job = ["--target-jobs", f"embed_shard:backend=dnabert_s,{values}", "--cores", 1]
    return snakemake(checkout, "-n", "--mode", "remote", "--allowed-rules", "embed_shard", *job)


def run_paths() -> Paths:
    """Of the run in this folder."""
    return Paths(load_settings(yaml.safe_load(Path("config.yaml").read_text())))


def traced(command: list[object], root: Path) -> tuple[str, str]:
    """The operations and MB read of a command, as cells of a table, and its output."""
    if not shutil.which("strace"):
        return "no strace | no strace | no strace", ""
    with tempfile.NamedTemporaryFile("r") as log:
        strace = ["strace", "-f", "-qq", "-y", "--seccomp-bpf", "-s", "0", "-o", log.name]
        strace += ["-e", "signal=none", "-e", f"trace={COUNTED},{READ}"]
        done = subprocess.run([*strace, *map(str, command)], capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        counts = Counter()
        for line in log:
            call = CALL.match(line)
            if not call or call[1] == "getcwd":
                continue  # the second half of one that was interrupted, or no file
            name, fd_path, path = call.groups()
            on_data = Path(os.path.join(os.getcwd(), fd_path or "", path or "")).is_relative_to(
                root
            )
            if name not in READ.split(","):
                counts["data" if on_data else "software"] += 1
            elif on_data and (size := re.search(r"= (\d+)$", line)):
                counts["bytes"] += int(size[1])
    cells = f"{counts['data']:,} | {counts['software']:,} | {counts['bytes'] / 1e6:.1f}"
    return cells, done.stdout + done.stderr


def seconds(command: list[object]) -> str:
    cost = cost_of(*command)
    return f"{cost.cpu:.1f} ({cost.seconds:.0f}), {cost.megabytes:.0f} MB"


def contents(folder: Path) -> str:
    """Files and megabytes below a folder."""
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return f"{len(sizes):,} files, {sum(sizes) / 1e6:,.1f} MB"


def plans(root: Path, genomes: int, asked: list[int] | None, checkouts: dict[str, Path]) -> None:
    """What it costs to plan all jobs, and to plan one of them on a node."""
    print(
        "| query samples | bases of a shard | code | jobs | results | first dry-run, s | second, s"
        " | on data | on software | MB read"
        " | a job on a node, s | on data | on software | MB read |"
    )
    print("| --- " * 14 + "|")
    layouts = [layout for layout in LAYOUTS if not asked or layout[0] in asked]
    for samples, shard_bases in layouts:
        for code, checkout in checkouts.items():
            folder = root / f"{samples}_{shard_bases}_{code}"
            config = CONFIG.format(backends=REAL, shard_bases=shard_bases)
            write_project(folder, root / "genomes", genomes, samples, config)
            os.chdir(folder)
            plan = snakemake(checkout, "-n")
            cells = [f"{samples:,}", f"{shard_bases:,}", code]
            dry = [seconds(plan), seconds(plan)]
            operations, output = traced(plan, root)
            jobs = re.findall(r"^total +(\d+)", output, re.M)
            cells += [f"{int(jobs[0]):,}" if jobs else ""]
            cells += [f"{len(set(run_paths().all_results())):,}", *dry, operations]
            job = job_on_a_node(checkout)
            print("|", " | ".join([*cells, seconds(job), traced(job, root)[0]]), "|", flush=True)
            os.chdir(root)
            shutil.rmtree(folder)


def runs(root: Path, genomes: int, until: str) -> None:
    """A run up to a rule with demo models, once for its time and once for its operations."""
    config = CONFIG.format(backends=DEMO, shard_bases=SHARD_BASES)
    folder, cells = root / "run", [f"{until}, {100 * genomes:,} windows"]
    command = snakemake(REPOSITORY, "--cores", 1, "--until", until)
    for cost in (seconds, lambda command: traced(command, root)[0]):
        write_project(folder, root / "genomes", genomes, 1, config)
        os.chdir(folder)
        cells.append(cost(command))
        if cost is seconds:
            finished = [seconds([*command, "-n"]), traced([*command, "-n"], root)[0]]
            sizes = [f"| {path} | {contents(folder / path)} |" for path in WRITTEN]
        os.chdir(root)
        shutil.rmtree(folder)
    print(
        "| run up to | s | on data | on software | MB read"
        " | dry-run of what is finished, s | on data | on software | MB read |\n|",
        "--- | " * 9,
    )
    print("|", " | ".join([*cells, *finished]), "|\n\n| written | files |\n| --- | --- |")
    print("\n".join(sizes), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genomes", type=int, default=20_000)
    parser.add_argument("--samples", type=int, nargs="+", help="only layouts with so many queries")
    parser.add_argument("--before", type=Path, help="another checkout, to plan with it too")
    parser.add_argument("--parts", nargs="+", default=["plans", "frames", "fuse"])
    options = parser.parse_args()
    checkouts = {"before": options.before, "now": REPOSITORY}
    checkouts = {name: folder for name, folder in checkouts.items() if folder}
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        write_genomes(root / "genomes", options.genomes)
        if "plans" in options.parts:
            plans(root, options.genomes, options.samples, checkouts)
        if "frames" in options.parts:
            runs(root, options.genomes, "frames")
        if "fuse" in options.parts:
            runs(root, options.genomes // 1_000, "fuse")
        os.chdir(REPOSITORY)


if __name__ == "__main__":
    main()
