#!/usr/bin/env python3
"""Plans, cluster jobs and a run of 2,000,000 windows in 20,000 genomes, by samples and shards.

Prints markdown. s is of the processor (and by the clock), MB the peak memory in millions of bytes.
Operations are system calls that name a file or list a folder: on data, which is the folder of the
run, and on software. They need strace; without it their columns say so.
"""

import argparse
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

import numpy as np
import yaml
from measure import cost_of

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow" / "scripts"))

from seqloom.config.paths import REPORT, SHARD, Paths, filled  # noqa: E402
from seqloom.config.settings import load_settings  # noqa: E402

WINDOWS = 100  # of a genome
BASES = 300 * WINDOWS
SHARD_BASES = 100_000_000  # the default
# Query samples, bases of a shard, whether the sheet says the bases of a sample.
LAYOUTS = [
    (1, SHARD_BASES, False),
    (1, SHARD_BASES, True),
    (20, SHARD_BASES, False),
    (200, SHARD_BASES, False),
    (1, 1_000_000, False),
    (1, 100_000, False),
    (2_000, SHARD_BASES, False),
    (10_000, SHARD_BASES, False),
    (20_000, SHARD_BASES, False),
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
PARTS = ["plans", "jobs", "finished", "frames", "fuse"]
LAYOUT = "| query samples | bases of a shard | in the sheet | code |"
TRACED = "on data | on software | MB read |"
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


def write_project(root: Path, queries: int, config: str, gives_bases: bool = False) -> None:
    """A run in this folder: a genome of either label, all others queries of so many samples."""
    genomes = sorted(str(file) for file in (root / "genomes").iterdir())
    # Snakemake looks at each entry of the folder it runs in when it looks for its plugins.
    Path("lists").mkdir()
    cells = {"v": [genomes[0], "viral", ""], "h": [genomes[1], "host", ""]}
    bases = str(math.ceil((len(genomes) - 2) / queries) * BASES) if gives_bases else ""
    for sample in range(queries):
        files = genomes[2 + sample :: queries]
        Path(f"lists/{sample}.txt").write_text("\n".join(files))
        cells[f"q{sample}"] = [f"@lists/{sample}.txt" if len(files) > 1 else files[0], "", bases]
    rows = ["\t".join([name, *cell]) for name, cell in cells.items()]
    Path("samples.tsv").write_text("\n".join(["sample\tfasta\tlabel\tbases", *rows]))
    Path("config.yaml").write_text(config)


@contextmanager
def new_folder(root: Path) -> Iterator[None]:
    """Work in an empty folder, which is removed at the end."""
    (root / "run").mkdir()
    with chdir(root / "run"):
        yield
    shutil.rmtree(root / "run")


def snakemake(checkout: Path, *options: object) -> list[object]:
    program = [sys.executable, "-m", "snakemake", "--snakefile", checkout / "Snakefile", *options]
    return [*program, "--profile", checkout / "profiles" / "ci", "--configfile", "config.yaml"]


def job_on_a_node(checkout: Path) -> list[object]:
    """What a cluster job does before it embeds the first shard of q0; inputs are empty here."""
    paths = run_paths()
    wildcards = {"cut": "w300", "sample": "q0", "shard": paths.settings.shards("w300", "q0")[0]}
    make_empty([*paths.model("dnabert_s"), *filled(SHARD.values(), **wildcards)])
    values = ",".join(f"{name}={value}" for name, value in wildcards.items())
    job = ["--target-jobs", f"embed_shard:backend=dnabert_s,{values}", "--cores", 1]
    return snakemake(checkout, "-n", "--mode", "remote", "--allowed-rules", "embed_shard", *job)


def make_empty(files: Iterable[str]) -> None:
    for file in map(Path, files):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


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


def projects(root: Path, layouts: list[tuple], checkouts: dict[str, Path]) -> Iterator[Path]:
    """The code a row is about, after its first cells and in a new project in this folder."""
    for queries, shard_bases, gives_bases in layouts:
        for code, checkout in checkouts.items():
            with new_folder(root):
                config = CONFIG.format(backends=REAL, shard_bases=shard_bases)
                write_project(root, queries, config, gives_bases)
                cells = [f"{queries:,}", f"{shard_bases:,}", "yes" if gives_bases else "no", code]
                print("|", " | ".join(cells), end=" | ", flush=True)
                yield checkout


def plans(root: Path, *which: object) -> None:
    """What the plan of all jobs costs."""
    print(f"{LAYOUT} results | first, s | second, s | {TRACED} jobs |\n{'| --- ' * 11}|")
    for checkout in projects(root, *which):
        plan = snakemake(checkout, "-n")
        print(f"{len(set(run_paths().all_results())):,}", end=" | ", flush=True)
        print(seconds(plan), end=" | ", flush=True)
        print(seconds(plan), end=" | ", flush=True)
        operations, output = traced(plan, root)
        jobs = "".join(re.findall(r"^total +(\d+)", output, re.M))
        print(operations, "|", jobs, "|", flush=True)


def node_jobs(root: Path, *which: object) -> None:
    """What a job does on a node before its command starts."""
    print(f"{LAYOUT} s | {TRACED}\n{'| --- ' * 8}|")
    for checkout in projects(root, *which):
        job = job_on_a_node(checkout)
        print(seconds(job), "|", traced(job, root)[0], "|", flush=True)


def finished_plans(root: Path, *which: object) -> None:
    """What it costs to find that nothing is to be done; the results are empty files."""
    print(f"{LAYOUT} results | s | {TRACED}\n{'| --- ' * 9}|")
    for checkout in projects(root, *which):
        paths = run_paths()
        models = [file for name in paths.settings.backends for file in paths.model(name)]
        results = {*paths.all_results(), *REPORT.values(), *models}
        make_empty(results)
        cost_of(*snakemake(checkout, "--touch", "--forceall"))
        plan = snakemake(checkout, "-n")
        print(f"{len(results):,} |", seconds(plan), "|", traced(plan, root)[0], "|", flush=True)


def run(root: Path, genomes: int, until: str) -> None:
    """A run up to a rule with demo models, once for its time and once for its operations."""
    config = CONFIG.format(backends=DEMO, shard_bases=SHARD_BASES)
    command = snakemake(REPOSITORY, "--cores", 1, "--until", until)
    print(f"| run up to | windows | s | {TRACED}\n{'| --- ' * 6}|")
    print(f"| {until} | {WINDOWS * genomes:,} | ", end="", flush=True)
    with new_folder(root):
        write_project(root, 1, config)
        print(seconds(command), end=" | ", flush=True)
        sizes = [f"| {path} | {contents(Path(path))} |" for path in WRITTEN]
    with new_folder(root):
        write_project(root, 1, config)
        print(traced(command, root)[0], "|")
    print("\n".join(["\n| written | files |", "| --- | --- |", *sizes]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genomes", type=int, default=20_000)
    parser.add_argument("--samples", type=int, nargs="+", help="only layouts with so many queries")
    parser.add_argument("--before", type=Path, help="another checkout, to plan with it too")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    options = parser.parse_args()
    checkouts = {"before": options.before, "now": REPOSITORY}
    checkouts = {name: folder for name, folder in checkouts.items() if folder}
    layouts = [each for each in LAYOUTS if not options.samples or each[0] in options.samples]
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        write_genomes(root / "genomes", options.genomes + 2)
        if "plans" in options.parts:
            plans(root, [each for each in layouts if not each[2]], checkouts)
        if "jobs" in options.parts:
            node_jobs(root, layouts, checkouts)
        if "finished" in options.parts:
            finished_plans(root, LAYOUTS[2:4], {"now": REPOSITORY})
        if "frames" in options.parts:
            run(root, options.genomes + 2, "frames")
    if "fuse" in options.parts:
        with tempfile.TemporaryDirectory() as temporary:
            write_genomes(Path(temporary, "genomes"), 20)
            run(Path(temporary), 20, "fuse")


if __name__ == "__main__":
    main()
