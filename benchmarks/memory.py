#!/usr/bin/env python3
"""What each rule takes of memory and time, beside what it asks for, over inputs of several sizes.

The workflow itself runs, in a copy of the repository: commands and requests are those of a user.
Embeddings of many frames are random numbers, written where the workflow looks for them; the
models have real widths, random weights and fewer layers, but for one of each kind. MB is VmHWM, the
peak of resident memory that the kernel notes, in millions of bytes; it includes pages of mapped
files. A request fits if it is no less, and at most twice that and 500. Prints markdown: of each
rule the job that took most, and all that do not fit.
"""

import argparse
import ast
import csv
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow" / "scripts"))

from seqloom.config import settings as settings_module  # noqa: E402
from seqloom.config.paths import EMBEDDING, SHARD  # noqa: E402
from seqloom.config.registry import read_backend  # noqa: E402
from seqloom.config.settings import Settings, load_settings  # noqa: E402
from seqloom.embedding.virnucpro import imported  # noqa: E402
from seqloom.files.provenance import as_strings  # noqa: E402
from seqloom.files.tables import read_table_metadata  # noqa: E402
from seqloom.files.tensors import write_tensors  # noqa: E402
from seqloom.models.fetch import demo_source  # noqa: E402

PARTS = ("Snakefile", "rules", "workflow", "envs", "resources", "profiles", "config")
COLUMNS = ("rule", "job", "MB", "asked", "times", "fits")
SENSE = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"]
SENSE = np.array([c for c in SENSE if c not in ("TAA", "TAG", "TGA")], "S3")
AMINO_ACIDS = np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY", "S1")
RECIPE = {"max_epochs": 2, "optimizer": "adamw"}
# Random weights at real widths: architecture, millions of weights, shape. The last of a kind is the
# whole model; a thin one has almost no inner width, so that it embeds many sequences in a minute.
MODELS = {
    "dnabert_thin": ("dnabert", 6, {"num_hidden_layers": 1, "intermediate_size": 64}),
    "dnabert_12_layers": ("dnabert", 117, {"num_hidden_layers": 12}),
    "esm_thin": ("esm", 7, {"num_hidden_layers": 1, "intermediate_size": 64}),
    "esm_33_layers": ("esm", 651, {"num_hidden_layers": 33}),
    "t5_1_layer": ("t5", 50, {"num_layers": 1}),
    "t5_4_layers": ("t5", 202, {"num_layers": 4}),
}
MOLECULES = {"dnabert": "dna", "esm": "protein", "t5": "protein"}
WIDTHS = {"dnabert": 768, "esm": 1280, "t5": 1024}
LONGEST = {"dnabert": 2000, "esm": 2048, "t5": 4096}


def copy_workflow(folder: Path) -> None:
    """The workflow with a registry that also has our models."""
    for part in PARTS:
        copy = shutil.copytree if (REPOSITORY / part).is_dir() else shutil.copy
        copy(REPOSITORY / part, folder / part)
    entries = {
        name: {
            "architecture": architecture,
            "molecule": MOLECULES[architecture],
            "width": WIDTHS[architecture],
            "parameters": parameters,
            "pooling": "mean_tokens" if architecture == "dnabert" else "mean_residues",
            "max_length": LONGEST[architecture],
            "dtype": "float16",
            "demo": {"seed": 1} | shape,
        }
        for name, (architecture, parameters, shape) in MODELS.items()
    }
    with open(folder / "resources" / "models.yaml", "a") as registry:
        registry.write("\n" + yaml.safe_dump(entries))
    settings_module.REGISTRY = folder / "resources" / "models.yaml"


def write_genome(path: Path, records: int, codons: int) -> None:
    """Contigs without a stop in their first frame, as of genes."""
    random = np.random.default_rng(records)
    with open(path, "wb") as out:
        for number in range(records):
            out.write(b">c%d\n%s\n" % (number, random.choice(SENSE, codons).tobytes()))


def write_annotation(path: Path, records: int, codons: int) -> None:
    """A coding sequence for each contig of `write_genome`, and for each kilobase."""
    with open(path, "w") as out:
        out.write("##gff-version 3\n")
        for contig in range(records):
            for gene, start in enumerate(range(1, 3 * codons - 198, 1000)):
                place = f"c{contig}\tx\tCDS\t{start}\t{start + 197}"
                out.write(f"{place}\t.\t+\t0\tID={contig}.{gene}\n")


def write_proteins(path: Path, records: int, longest: int = 0) -> None:
    """Proteins of 300 residues on average, and one of `longest`."""
    random = np.random.default_rng(records)
    lengths = [*random.lognormal(5.6, 0.5, records).astype(int).clip(30, 1500), longest]
    with open(path, "wb") as out:
        for number, length in enumerate(filter(None, lengths)):
            out.write(b">p%d\n%s\n" % (number, random.choice(AMINO_ACIDS, length).tobytes()))


def write_config(folder: Path, rows: list[dict[str, Any]], **config: Any) -> Settings:
    """The sheet and config.yaml of a project, as the workflow reads them."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with open(folder / "samples.tsv", "w") as out:
        sheet = csv.DictWriter(out, columns, delimiter="\t")
        sheet.writeheader()
        sheet.writerows(rows)
    config |= {"samples": "samples.tsv", "threads": 1}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with chdir(folder):
        return load_settings(config)


def write_embeddings(folder: Path, settings: Settings) -> None:
    """All shards, and random embeddings of them with the metadata of imported ones."""
    random = np.random.default_rng(0)
    places = [
        (name, {"cut": cut, "sample": sample, "shard": shard})
        for name, cut, sample in settings.matrices()
        for shard in settings.shards(cut, sample)
    ]
    run(folder, *{SHARD["table"].format(**where) for _, where in places})
    for name, where in places:
        backend = settings.backends[name]
        table = read_table_metadata(folder / SHARD["table"].format(**where))
        rows = random.random((int(table["rows"]), backend.width), np.float32)
        tensors = {"embedding": rows, "pieces": np.ones(len(rows), np.int32)}
        metadata = imported(backend, table) | {"provenance": {"settings": {}}}
        out = folder / EMBEDDING.format(backend=name, **where)
        out.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(out, tensors, as_strings(metadata))


def run(folder: Path, *targets: str) -> dict[str, float]:
    """Run the workflow; the peak of each job in MB, by its log, and of Snakemake itself."""
    workflow = settings_module.REGISTRY.parents[1]
    command = [sys.executable, "-m", "snakemake", *targets, "--snakefile", workflow / "Snakefile"]
    command += ["--profile", workflow / "profiles" / "ci", "--benchmark-extended"]
    command += ["--cores", "1", "--configfile", "config.yaml"]
    with open(folder / "snakemake.txt", "w") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
    peaks: dict[str, float] = {}
    while process.poll() is None:
        for pid, log in jobs_of(folder, process.pid):
            peaks[log] = max(peaks.get(log, 0), peak_megabytes(pid))
        time.sleep(0.03)
    if process.returncode:
        sys.exit((folder / "snakemake.txt").read_text())
    return peaks


def jobs_of(folder: Path, snakemake: int) -> Iterator[tuple[int, str]]:
    """The processes of jobs, known by where they write their log, and Snakemake's own."""
    yield snakemake, "snakemake"
    for process in Path("/proc").glob("[0-9]*"):
        try:
            errors = (process / "fd" / "2").readlink()
        except OSError:  # it has ended, or is another user's
            continue
        if errors.is_relative_to(folder / "logs"):
            yield int(process.name), str(errors.relative_to(folder / "logs"))


def peak_megabytes(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # it has ended
        return 0
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return int(found[1]) * 1024 / 1e6 if found else 0


def print_row(*cells: object) -> None:
    print("|", " | ".join(map(str, cells)), "|", flush=True)


def print_jobs(title: str, folder: Path, *targets: str) -> None:
    """Run the targets, and print the job of each rule that took most."""
    peaks = run(folder, *targets)
    snakemake = peaks.pop("snakemake")
    jobs: dict[str, list[tuple[Any, ...]]] = {}
    for log, peak in peaks.items():
        file = (folder / "results" / "benchmarks" / log).with_suffix(".tsv")
        if not file.exists():  # it prints tables, no more
            continue
        [row] = csv.DictReader(file.read_text().splitlines(), delimiter="\t")
        asked, job = (ast.literal_eval(row[name]) for name in ("resources", "wildcards"))
        memory, fits = asked["mem_mb"], peak <= asked["mem_mb"] <= 2 * peak + 500
        cells = (round(peak), memory, f"{memory / peak:.1f}", "yes" if fits else "no")
        jobs.setdefault(row["rule_name"], []).append((*cells, " ".join(job.values())))
    print(f"\n### {title}\n\nSnakemake itself: {snakemake:.0f} MB\n")
    print_row(*COLUMNS)
    print_row(*["---"] * len(COLUMNS))
    for rule, rows in sorted(jobs.items()):
        *cells, job = max(rows)
        print_row(rule, job, *cells)
        for *cells, job in sorted(rows)[:-1]:
            if cells[-1] == "no":
                print_row(rule, job, *cells)


def measure_demo(folder: Path) -> None:
    (folder / "config").symlink_to(REPOSITORY / "config")
    config = yaml.safe_load((folder / "config" / "demo.yaml").read_text())
    config |= {"export": ["npy", "hdf5", "uniprot", "pt", "virnucpro"]}
    config |= {"residue_backends": ["demo_esm2"]}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    print_jobs("The demo", folder, "all", "validate")


def measure_preparation(folder: Path, megabases: int, codons: int) -> None:
    """Up to frames and proteins: annotated contigs of so many codons, and a thousandth proteins."""
    records = megabases * 1_000_000 // (3 * codons)
    write_genome(folder / "x.fa", records, codons)
    write_annotation(folder / "x.gff", records, codons)
    write_proteins(folder / "p.faa", megabases * 1_000)
    dna = {"sample": "x", "fasta": "x.fa", "label": "viral", "annotation": "x.gff"}
    proteins = {"sample": "p", "fasta": "p.faa", "molecule": "protein"}
    write_config(
        folder,
        [dna, dna | {"sample": "host", "label": "host"}, proteins],
        cuts={"w300": {"window": 300, "training": "coding"}},
        fusions={"f": ["dnabert_thin"]},
        experiments={"e": {"cut": "w300", "fusion": "f"}},
        protein_backends=["esm_thin"],
        embed={"shard_bases": 10**9},
    )
    shards = [f"results/shards/{name}/0001-of-0001.parquet" for name in ("w300/x", "whole/p")]
    print_jobs(f"{megabases} Mb in {records:,} contigs", folder, *shards)


def measure_learning(folder: Path, frames: int, shards: int) -> None:
    """From embeddings of `frames` windows of each sample to the report, 2,048 columns."""
    rows = []
    for number, label in enumerate(("viral", "host", "")):
        write_genome(folder / f"{number}.fa", frames // 100 + number, 100 * 100)
        rows.append({"sample": f"s{number}", "fasta": f"{number}.fa", "label": label})
    settings = write_config(
        folder,
        rows,
        cuts={"w300": {"window": 300}},
        fusions={"f": ["dnabert_thin", "esm_thin"]},
        experiments={"e": {"cut": "w300", "fusion": "f", "train": RECIPE}},
        predict={"experiments": ["e"]},
        export=["npy", "hdf5"] + ["virnucpro"] * (frames <= 20_000),
        embed={"shard_bases": 300 * frames // shards + 10**5},
    )
    write_embeddings(folder, settings)
    print_jobs(f"{frames:,} windows of each of three samples, shards: {shards}", folder)


def measure_proteins(folder: Path, proteins: int, shards: int) -> None:
    """Embeddings of a protein set to all its exports."""
    write_proteins(folder / "p.faa", proteins)
    settings = write_config(
        folder,
        [{"sample": "p", "fasta": "p.faa", "molecule": "protein"}],
        protein_backends=["esm_thin"],
        export=["npy", "hdf5", "uniprot", "pt"],
        embed={"shard_bases": 3 * 350 * proteins // shards},
    )
    write_embeddings(folder, settings)
    print_jobs(
        f"{proteins:,} proteins, shards: {shards}",
        *(folder, "export", "results/records/esm_thin/p.tsv"),
    )


def measure_embedding(
    folder: Path, backend: str, records: int, longest: int, **settings: Any
) -> None:
    """One backend over so many windows or proteins, of which one may be long."""
    model = read_backend(settings_module.REGISTRY, backend)
    if model.molecule == "dna":
        write_genome(folder / "x.fa", 1, 100 * records)
        settings |= {"cuts": {"w300": {"window": 300}}, "fusions": {"f": [backend]}}
        settings |= {"experiments": {"e": {"cut": "w300", "fusion": "f"}}}
        write_genome(folder / "y.fa", 1, 1000)
        rows = [{"sample": "x", "fasta": "x.fa", "label": "viral"}]
        rows += [{"sample": "y", "fasta": "y.fa", "label": "host"}]
    else:
        write_proteins(folder / "x.fa", records, longest)
        settings |= {"protein_backends": [backend]}
        if backend == "esm_thin":
            settings |= {"residue_backends": [backend]}
        rows = [{"sample": "x", "fasta": "x.fa", "molecule": "protein"}]
    settings["embed"] = {"shard_bases": 10**9, "too_long": "split"}
    write_config(folder, rows, **settings)
    title = f"{backend}: {model.parameters} million weights, {records:,} sequences"
    print_jobs(title + (f", one of {longest:,} residues" if longest else ""), folder, "embed")


def measure_published(folder: Path, published: str, ours: str, records: int) -> None:
    """A whole model as it is published: float32 weights in a .bin file of a folder."""
    import torch  # here, as its import is no part of what is measured

    source = demo_source(read_backend(settings_module.REGISTRY, ours))
    weights = folder / "weights"
    weights.mkdir()
    (weights / "config.json").write_text(json.dumps(source.config))
    source.tokenizer.save(str(weights / "tokenizer.json"))
    tensors = {name: tensor.float() for name, tensor in source.tensors.items()}
    torch.save(tensors, weights / "pytorch_model.bin")
    del source, tensors
    settings = {"models": {published: {"local": str(weights)}}}
    measure_embedding(folder, published, records, 0, **settings)


CASES = {
    "demo": [(measure_demo,)],
    "prepare": [
        (measure_preparation, 5, 100_000),
        (measure_preparation, 50, 100_000),
        (measure_preparation, 50, 500),
        (measure_preparation, 50, 100),
        (measure_preparation, 200, 1_000_000),
    ],
    "learn": [
        (measure_learning, 5_000, 1),
        (measure_learning, 20_000, 1),
        (measure_learning, 100_000, 1),
        (measure_learning, 100_000, 4),
    ],
    "proteins": [(measure_proteins, 5_000, 1), (measure_proteins, 100_000, 4)],
    "embed": [
        (measure_embedding, "dnabert_thin", 5_000, 0),
        (measure_embedding, "dnabert_thin", 20_000, 0),
        (measure_embedding, "dnabert_12_layers", 200, 0),
        (measure_embedding, "esm_thin", 2_000, 0),
        (measure_embedding, "esm_33_layers", 20, 1_000),
        (measure_embedding, "t5_1_layer", 50, 1_000),
        (measure_embedding, "t5_1_layer", 50, 5_000),
        (measure_embedding, "t5_4_layers", 50, 5_000),
        (measure_published, "dnabert_s", "dnabert_12_layers", 200),
        (measure_published, "fastesm2_650", "esm_33_layers", 20),
    ],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", choices=CASES, help="all, if none is given")
    cases = [case for name in parser.parse_args().cases or CASES for case in CASES[name]]
    with tempfile.TemporaryDirectory() as workflow:
        copy_workflow(Path(workflow))
        for measure, *sizes in cases:
            with tempfile.TemporaryDirectory() as folder:
                measure(Path(folder).resolve(), *sizes)


if __name__ == "__main__":
    main()
