"""A small run of all scripts, from FASTA to the report, with the files that each reads."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from models_data import write_tiny_model
from seqs_data import letters

import coding
import compare
import count_kmers
import embed
import evaluate
import export
import frames
import fuse
import index
import plan
import predict
import proteins
import report
import split
import train
from seqloom import cli

LABELS = {"vir": "viral", "bac": "host"}
SHARD = "0001-of-0001"
CUT = ["--window", "60", "--genetic-code", "11", "--training", "coding"]


@dataclass(frozen=True)
class Step:
    """A command of the run without --out, and the result files that it reads."""

    script: ModuleType
    words: list[str]
    reads: list[str]
    out: str


def make_chain() -> dict[str, Step]:
    """Run every step in the current folder."""
    write_inputs()
    steps = {}
    for name, step in chain():
        with arguments_of(step, step.out):
            cli.run(step.script.main, step.script.arguments())
        steps[name] = step
    return steps


@contextmanager
def arguments_of(step: Step, out: str) -> Iterator[None]:
    """`sys.argv` for a step that writes to `out`."""
    known, sys.argv = sys.argv, ["x", *(word.replace("OUT", out) for word in step.words)]
    try:
        yield
    finally:
        sys.argv = known


def write_inputs() -> None:
    """Input files: genomes, groups, an annotation, proteins and two models."""
    # Each has a few letters only, so that there is something to learn; without T there is no stop.
    alphabets = {"vir": b"AAAAACG", "bac": b"GGGGGAC", "lake": b"AAAAACG"}
    for number, (sample, alphabet) in enumerate(alphabets.items()):
        names = [f"{sample}{i}" for i in range(6 if sample in LABELS else 2)]
        with open(f"{sample}.fa", "w") as fasta:
            for seed, name in enumerate(names, start=10 * number):
                fasta.write(f">{name} x\n{letters(seed, 440, alphabet).decode()}\n")
        lines = (f"{name}\tx\tCDS\t201\t440\t.\t+\t0\tID={name}\n" for name in names)
        Path(f"{sample}.gff3").write_text("##gff-version 3\n" + "".join(lines))
    Path("p.faa").write_text(">p1\nMKV\n>p2\nMAMA\n")
    for molecule in ("dna", "protein"):
        write_tiny_model(Path(molecule), molecule)


def chain() -> Iterator[tuple[str, Step]]:
    samples = [*LABELS, "lake"]
    for name in (*samples, "p"):
        yield from sequences(name)
    for name in samples:
        yield from matrices(name)
    shards = [f"{name}/{SHARD}" for name in LABELS]
    tables = [f"{shard}.parquet" for shard in shards]
    fused = [f"{shard}.fused.safetensors" for shard in shards]
    genomes = [f"{name}.fa.gz" for name in LABELS]
    contigs = [f"contigs/{name}.tsv" for name in LABELS]
    rows = [{"sample": s, "label": LABELS[s], "category": s, "groups": None} for s in LABELS]
    words = ["--samples", *map(json.dumps, rows), "--contigs", *contigs, "--genomes", *genomes]
    words += ["--experiment", "toy", "--out", "OUT/split.parquet", "--audit", "OUT/toy.audit.tsv"]
    words += ["--leaks", "OUT/toy.leaks.tsv"]
    yield "split", Step(split, words, [*contigs, *genomes], "splits")

    learned = ["--split", "splits/split.parquet", "--frames", *tables]
    recipe = ["--experiment", "toy", "--optimizer", "adamw", "--lr", "0.01", "--max-epochs", "5"]
    read = ["splits/split.parquet", *tables]
    words = [*learned, "--fused", *fused, *recipe, "--out", "OUT"]
    yield "train", Step(train, words, [*read, *fused], "classifiers/toy")
    classifier = [f"classifiers/toy/classifier.{end}" for end in ("safetensors", "json")]
    words = ["--classifier", "classifiers/toy", *learned, "--fused", *fused, "--out", "OUT"]
    yield "evaluate", Step(evaluate, words, [*read, *fused, *classifier], "evaluation/toy")
    metrics, scores = (f"evaluation/toy/{name}" for name in ("metrics.json", "contigs.parquet"))
    words = ["--evaluations", "evaluation/toy", "--weights", "1"]
    words += ["--out", "OUT/c.tsv", "--figure", "OUT/c.svg"]
    yield "compare", Step(compare, words, [metrics, scores], "comparison")

    files = [f"lake/{SHARD}.parquet", f"lake/{SHARD}.fused.safetensors"]
    indexed = [f"lake.fa.gz{end}" for end in ("", ".fai", ".gzi")]
    words = ["--classifier", "classifiers/toy", "--sample", "lake", "--out", "OUT"]
    words += ["--contigs", "contigs/lake.tsv", "--genome", "lake.fa.gz"]
    words += ["--frames", files[0], "--fused", files[1]]
    read = [*files, *classifier, *indexed, "contigs/lake.tsv"]
    yield "predict", Step(predict, words, read, "predictions/toy/lake")
    yield from exports()
    yield "report", report_step(metrics, classifier[1])


def sequences(name: str) -> Iterator[tuple[str, Step]]:
    """Index, coding, plan and shard of a sample."""
    is_protein = name == "p"
    genome, records = f"{name}.fa.gz", f"{name}.tsv"
    molecule, fasta = ("protein", "p.faa") if is_protein else ("dna", f"{name}.fa")
    words = ["--sample", name, "--molecule", molecule, "--fasta", fasta]
    words += ["--genome", f"OUT/{genome}", "--records", f"OUT/{records}"]
    yield f"index {name}", Step(index, words, [], ".")
    indexed = [genome, f"{genome}.fai", f"{genome}.gzi"]
    options, read = (["--whole"] if is_protein else [*CUT]), [records, *indexed]
    if name in LABELS:
        words = ["--annotation", f"{name}.gff3", "--records", records, "--genetic-code", "11"]
        words += ["--out", f"OUT/{name}.parquet"]
        yield f"coding {name}", Step(coding, words, [records], "coding")
        options += ["--coding", f"coding/{name}.parquet"]
        read.append(f"coding/{name}.parquet")
    words = ["--records", records, "--genome", genome, *options]
    words += ["--contigs", f"OUT/contigs/{name}.tsv", "--out", f"OUT/plans/{name}.parquet"]
    yield f"plan {name}", Step(plan, words, read, ".")
    words = ["--genome", genome, "--plan", f"plans/{name}.parquet", "--sample", name]
    words += ["--shard", SHARD, "--out", f"OUT/{SHARD}"]
    read = [*indexed, f"plans/{name}.parquet"]
    if is_protein:
        yield "proteins", Step(proteins, words, read, name)
    else:
        words += ["--cut-name", "w60", *CUT]
        yield f"frames {name}", Step(frames, words, read, name)


def matrices(name: str) -> Iterator[tuple[str, Step]]:
    """Both embeddings of a sample, and their fusion."""
    shard = f"{name}/{SHARD}"
    for model, end in (("dna", "fna"), ("protein", "faa")):
        words = ["--model", model, "--shard", shard, "--too-long", "split"]
        words += ["--out", f"OUT/{SHARD}.{model}.safetensors"]
        parts = ("model.json", "config.json", "tokenizer.json", "model.safetensors")
        read = [f"{shard}.parquet", f"{shard}.{end}", *(f"{model}/{part}" for part in parts)]
        yield f"embed {model} {name}", Step(embed, words, read, name)
    words = ["--backend", "kmer4", "--shard", shard, "--out", f"OUT/{SHARD}.kmer4.safetensors"]
    read = [f"{shard}.parquet", f"{shard}.fna"]
    yield f"count_kmers {name}", Step(count_kmers, words, read, name)
    both = [f"{shard}.{model}.safetensors" for model in ("dna", "protein")]
    words = ["--fusion", "both", "--frames", f"{shard}.parquet", "--embeddings", *both]
    words += ["--out", f"OUT/{SHARD}.fused.safetensors"]
    yield f"fuse {name}", Step(fuse, words, [f"{shard}.parquet", *both], name)


def exports() -> Iterator[tuple[str, Step]]:
    shard = f"lake/{SHARD}"
    table, dna, protein, fused = (
        f"{shard}.{end}"
        for end in ("parquet", "dna.safetensors", "protein.safetensors", "fused.safetensors")
    )
    for name, end in (("npy", ".npy"), ("hdf5", ".h5")):
        words = [name, "--frames", table, "--embeddings", dna, "--out", f"OUT/lake{end}"]
        yield f"export {name}", Step(export, words, [table, dna], "export")
    words = ["identified", "--frames", table, "--out", "OUT/lake"]
    read = [table, f"{shard}.fna", f"{shard}.faa"]
    yield "export identified", Step(export, words, read, "export")
    words = ["virnucpro", "--frames", table, "--dna", dna, "--protein", protein]
    words += ["--fused", fused, "--out", "OUT/lake"]
    yield "export virnucpro", Step(export, words, [table, dna, protein, fused], "export")


def report_step(metrics: str, card: str) -> Step:
    folders = ["--evaluations", "evaluation/toy", "--classifiers", "classifiers/toy"]
    folders += ["--predictions", "predictions/toy/lake"]
    files = ["comparison/c.json", "comparison/c.svg", "splits/toy.audit.tsv", "lake.json"]
    words = ["--title", "x", "--genomes", "lake.json", *folders, "--audits", files[2]]
    words += ["--comparison", files[0], "--figure", files[1]]
    words += ["--out", "OUT/report.html", "--summary", "OUT/summary.txt"]
    words += ["--calls", "OUT/calls.tsv", "--multiqc", "OUT/seqloom_mqc.tsv"]
    read = [*files, metrics, card, "classifiers/toy/history.tsv"]
    read += [f"evaluation/toy/{name}.svg" for name in ("roc", "calibration", "sweep", "pca")]
    read.append("evaluation/toy/strata.tsv")
    read += [
        f"predictions/toy/lake/{name}" for name in ("contigs.tsv", "regions.tsv", "summary.json")
    ]
    return Step(report, words, read, "report")
