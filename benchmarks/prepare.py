#!/usr/bin/env python3
"""Preparation, from FASTA to written frames, against a plain loop with Biopython, on one core.

Prints markdown. Both write the same .fna and .faa, byte for byte, or this stops. Seconds are those
of the processor, without waiting for the disk: others may use the machine. MB is the peak memory of
a process in millions of bytes, Mb are millions of bases.
"""

import argparse
import filecmp
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path

import dnaio
from measure import Cost, cost_of
from xopen import xopen

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPTS = REPOSITORY / "workflow" / "scripts"
ECOLI = "shared/data/bacteria/escherichia_coli_K12_MG1655_NC_000913.fa.gz"
MOST_FOR_LOOP = 60  # Mb; beyond, it takes minutes


def commands(fasta: Path, folder: Path) -> dict[str, list[str]]:
    """What the jobs of a user run, one after the other; it ends in folder/seqloom.fna and .faa."""
    genome, records, plan = (folder / name for name in ("g.fa.gz", "records.tsv", "plan.parquet"))
    lines = {
        "index": f"--sample x --molecule dna --fasta {fasta} --genome {genome} --records {records}",
        "plan": f"--records {records} --genome {genome} --contigs {folder}/c.tsv --out {plan}",
        "frames": f"--sample x --cut-name w300 --genome {genome} --plan {plan} "
        f"--shard 0001-of-0001 --out {folder}/seqloom",
    }
    return {name: line.split() for name, line in lines.items()}


def biopython_loop(fasta: str, out: str) -> None:
    """The same frames by a loop that one would write down; into out.fna and .faa."""
    from Bio import SeqIO
    from Bio.Data.CodonTable import unambiguous_dna_by_id

    size, code = 300, unambiguous_dna_by_id[11]
    amino_acids = {**code.forward_table, **dict.fromkeys(code.stop_codons, "*")}
    with xopen(fasta) as handle, open(f"{out}.fna", "w") as fna, open(f"{out}.faa", "w") as faa:
        for record in SeqIO.parse(handle, "fasta"):
            sequence = record.seq.upper()
            count = -(-len(sequence) // size)
            for number in range(count):
                start = number * max(len(sequence) - size, 0) // max(count - 1, 1)
                window = sequence[start : start + size]
                for strand, text in (("F", str(window)), ("R", str(window.reverse_complement()))):
                    for k in range(3):
                        protein = ""
                        for i in range(k, len(text) - 2, 3):
                            protein += amino_acids.get(text[i : i + 3], "X")
                        if not protein or "*" in protein or protein.count("X") / len(protein) > 0.1:
                            continue
                        title = f">{record.id}_chunk_{number + 1}{strand}{k + 1}\n"
                        fna.write(f"{title}{text[k : k + 3 * len(protein)]}\n")
                        faa.write(f"{title}{protein}\n")


def seconds_of(function: Callable, *values: object) -> float:
    begin = time.process_time()
    function(*values)
    return time.process_time() - begin


def work_of_loop(fasta: str, out: str) -> None:
    """Print the seconds of the best of three runs; only the first has to import."""
    print(json.dumps({"loop": min(seconds_of(biopython_loop, fasta, out) for _ in range(3))}))


def work_of_seqloom(fasta: str, folder: str) -> None:
    """Print the seconds of each command in the best of three runs, without imports."""
    sys.path.insert(0, str(SCRIPTS))
    scripts = {import_module(name): line for name, line in commands(fasta, Path(folder)).items()}
    runs = [
        {
            script.__name__: seconds_of(script.main, script.arguments().parse_args(line))
            for script, line in scripts.items()
        }
        for _ in range(3)
    ]
    best = min(runs, key=lambda run: sum(run.values()))
    print(json.dumps(best | {"together": sum(best.values())}))


# What runs in a process of its own.
PARTS = {part.__name__: part for part in (biopython_loop, work_of_loop, work_of_seqloom)}


def costs_of_seqloom(fasta: Path, folder: Path) -> dict[str, Cost]:
    costs = {
        name: cost_of(sys.executable, SCRIPTS / f"{name}.py", *line)
        for name, line in commands(fasta, folder).items()
    }
    peak = max(cost.megabytes for cost in costs.values())
    seconds = (sum(getattr(cost, clock) for cost in costs.values()) for clock in ("seconds", "cpu"))
    return costs | {"together": Cost(*seconds, peak)}


def cost_of_loop(fasta: Path, folder: Path) -> Cost:
    return cost_of(sys.executable, __file__, "biopython_loop", fasta, folder / "loop")


def work_of(part: str, fasta: Path, out: Path) -> dict[str, float]:
    return json.loads(subprocess.check_output([sys.executable, __file__, part, fasta, out]))


def print_row(*cells: object) -> None:
    texts = [f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in cells]
    print("|", " | ".join(texts), "|", flush=True)


def print_head(*cells: str) -> None:
    print()
    print_row(*cells)
    print_row(*["---"] * len(cells))


def compare(fasta: Path, megabases: float, folder: Path) -> None:
    whole = costs_of_seqloom(fasta, folder)
    whole["loop"] = cost_of_loop(fasta, folder)
    for end in ("fna", "faa"):
        if not filecmp.cmp(folder / f"seqloom.{end}", folder / f"loop.{end}", shallow=False):
            sys.exit(f"error: the .{end} of seqloom is not that of the loop")
    work = work_of("work_of_seqloom", fasta, folder)
    work |= work_of("work_of_loop", fasta, folder / "loop")
    print_head(
        f"{megabases:.1f} Mb",
        "processes, s",
        "Mb/s",
        "MB",
        "work without imports, best of 3, s",
        "Mb/s",
    )
    for name, cost in whole.items():
        speeds = megabases / cost.cpu, megabases / work[name]
        print_row(name, cost.cpu, speeds[0], round(cost.megabytes), work[name], speeds[1])
    faster = whole["loop"].cpu / whole["together"].cpu, work["loop"] / work["together"]
    print_row("loop / together", f"{faster[0]:.1f} x", "", "", f"{faster[1]:.1f} x", "")


def growth(name: str, megabases: float, fasta: Path, folder: Path) -> None:
    costs = costs_of_seqloom(fasta, folder)
    if megabases <= MOST_FOR_LOOP:
        costs["loop"] = cost_of_loop(fasta, folder)
    cells = [
        f"{cost.cpu:.1f} s, {cost.megabytes:.0f} MB, {megabases / cost.cpu:.1f} Mb/s"
        for cost in costs.values()
    ]
    print_row(name, megabases, *cells, *["not run"] * (5 - len(cells)))


def write_fasta(path: Path, records: Iterable[tuple[str, str]]) -> None:
    with open(path, "w") as handle:
        for name, sequence in records:
            handle.write(f">{name}\n")
            handle.writelines(f"{sequence[i : i + 80]}\n" for i in range(0, len(sequence), 80))


def write_one_line(path: Path, text: str, bases: int) -> None:
    with open(path, "w") as handle:
        handle.write(">one_line\n")
        handle.writelines(text[: bases - i] for i in range(0, bases, len(text)))
        handle.write("\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fasta", type=Path, default=REPOSITORY.parent / ECOLI)
    parser.add_argument("--megabases", type=int, nargs="+", default=[5, 50, 500])
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    with dnaio.open(options.fasta) as reader:
        records = [(record.id, record.sequence) for record in reader]
    text = "".join(sequence for _, sequence in records)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fasta = folder / "input.fa"
        compare(options.fasta, len(text) / 1e6, folder)
        write_fasta(fasta, ((f"{name}_{i}", t) for i in range(10) for name, t in records))
        compare(fasta, 10 * len(text) / 1e6, folder)
        print_head("input", "Mb", "index", "plan", "frames", "together", "loop")
        for megabases in options.megabases:
            times = max(1, round(megabases * 1e6 / len(text)))
            write_fasta(fasta, ((f"{name}_{i}", t) for i in range(times) for name, t in records))
            growth(f"genome x {times}", times * len(text) / 1e6, fasta, folder)
        write_one_line(fasta, text, 200_000_000)
        growth("one record, one line", 200.0, fasta, folder)
        starts = (i % (len(text) - 137) for i in range(0, 137_000_000, 137))
        write_fasta(fasta, ((f"piece_{i}", text[s : s + 137]) for i, s in enumerate(starts)))
        growth("a million records", 137.0, fasta, folder)


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in PARTS:
        PARTS[sys.argv[1]](*sys.argv[2:])
    else:
        main()
