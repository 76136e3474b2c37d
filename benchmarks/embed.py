#!/usr/bin/env python3
"""The embedding engine against one sequence at a time in float32, at full size, in one run.

Random weights, real windows of 300 bases. Prints markdown. The operations are those of the linear
layers, without attention's own products. The parts of a share are measured in the same run: the
peak is the best of matrix products alone in the same precision; rounds alternate, and the best of
each way counts. MB are millions of bytes.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from measure import cost_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from seqloom.config.registry import read_backend
from seqloom.demo.model_shapes import CONFIGS
from seqloom.embedding.batches import batch_end
from seqloom.embedding.compute import TOKENS_PER_BATCH, pooled
from seqloom.embedding.engine import embed, tokenize
from seqloom.embedding.loading import Model, load_model
from seqloom.embedding.speed import flops_per_token, peak_flops
from seqloom.encoders.architectures import ARCHITECTURES, build_encoder
from seqloom.encoders.layers import set_precision
from seqloom.encoders.readings import reading_of
from seqloom.encoders.tokenizers import load_tokenizer, token_ids
from seqloom.files.tensors import read_tensor, write_tensors
from seqloom.models.fetch import Source, write_model
from seqloom.models.random_weights import random_tensors
from seqloom.models.weights import load_weights
from seqloom.seqs.shards import read_records

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPTS = REPOSITORY / "workflow" / "scripts"
SHARED = REPOSITORY.parent / "shared"
REGISTRY = REPOSITORY / "resources" / "models.yaml"
ON_GPU = torch.cuda.is_available()
# Backend, layers, suffix of what it reads.
MODELS = (("dnabert_s", 12, "fna"), ("fastesm2_650", 33, "faa"))
COLUMNS = (
    "way",
    "sequences/s",
    "tokens/s",
    "GFLOP/s",
    "peak of matmuls",
    "share of it",
    "times the first",
    "tokenizing",
    "writing",
    "max abs",
    "1 - cosine",
    "MB on the GPU",
)
# Sequences/s of a GPU at its peak, by arithmetic.
FLOORS = {
    "dnabert_s": {"H200": 52300, "A6000": 10260, "GB10": "4100-8270"},
    "fastesm2_650": {"H200": 5890, "A6000": 1156, "GB10": "462-932"},
}


def best_seconds(work: Callable[[], object], times: int = 5) -> float:
    """The fastest of some runs after a first one; a GPU is waited for."""
    seconds = []
    for _ in range(times + 1):
        begin = time.perf_counter()
        work()
        if ON_GPU:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begin)
    return min(seconds[1:])


def write_windows(fasta: Path, folder: Path) -> dict[str, list[str]]:
    """What the jobs of a user make of a genome: sequences of its frames, by suffix."""
    genome, records, plan = (folder / name for name in ("g.fa.gz", "records.tsv", "plan.parquet"))
    lines = (
        f"index.py --sample x --molecule dna --fasta {fasta} --genome {genome} --records {records}",
        f"plan.py --records {records} --genome {genome} --contigs {folder}/c.tsv --out {plan}",
        f"frames.py --sample x --cut-name w300 --genome {genome} --plan {plan} "
        f"--shard 0001-of-0001 --out {folder}/frames",
    )
    for line in lines:
        script, *options = line.split()
        subprocess.run(
            [sys.executable, SCRIPTS / script, *options], check=True, stderr=subprocess.DEVNULL
        )
    return {end: read_records(folder / f"frames.{end}")[1] for end in ("fna", "faa")}


def write_random(name: str, folder: Path, **shape: int) -> Path:
    """A model folder with random weights; `shape` is what differs from the published one."""
    backend = read_backend(REGISTRY, name)
    config = CONFIGS.get(backend.architecture, {}) | shape
    width = next(config[key] for key in ("hidden_size", "d_model") if key in config)
    backend = replace(backend, width=width, demo={"seed": 1})
    if backend.molecule == "dna":
        tokenizer = load_tokenizer(SHARED / "models" / "dnabert_s" / "tokenizer.json")
    else:
        tokenizer = ARCHITECTURES[backend.architecture].demo_tokenizer([])
    reading = reading_of(backend.architecture, backend.molecule, backend.reading, tokenizer)
    tensors = random_tensors(build_encoder(backend.architecture, config, name), 1)
    source = Source(config, tensors, tokenizer, reading)
    write_model(backend, source, folder, folder / "lock", False)
    return folder


def plain_model(folder: Path, model: Model) -> Model:
    """The same in float32 as torch has it, without our layout of weights."""
    config = json.loads((folder / "config.json").read_text())
    encoder = build_encoder(model.description["architecture"], config, folder)
    load_weights(encoder, folder / "model.safetensors")
    set_precision(encoder, torch.float32)
    return replace(model, encoder=encoder.to(model.device), dtype="float32")


@torch.inference_mode()
def one_at_a_time(model: Model, sequences: Sequence[str]) -> np.ndarray:
    rows = []
    for sequence in sequences:
        pieces = tokenize(model, [sequence]).pieces
        rows.append(pooled(model, pieces, np.arange(1)).cpu().numpy()[0])
    return np.stack(rows)


def engine_rows(model: Model, sequences: Sequence[str]) -> np.ndarray:
    return embed(model, sequences, sequences).rows


@dataclass
class Way:
    """A way to embed the first `count` sequences, and what the rounds found."""

    model: Model
    embed: Callable[[Model, Sequence[str]], np.ndarray]
    count: int
    rows: np.ndarray | None = None
    seconds: float = math.inf
    peak: float = 0.0  # GFLOP/s of matrix products alone
    megabytes: float = 0.0  # on the GPU

    def run(self, sequences: Sequence[str]) -> None:
        if ON_GPU:
            torch.cuda.reset_peak_memory_stats()
        begin = time.perf_counter()
        self.rows = self.embed(self.model, sequences[: self.count])
        self.seconds = min(self.seconds, time.perf_counter() - begin)
        if ON_GPU:
            self.megabytes = torch.cuda.max_memory_allocated() / 1e6
        self.peak = max(self.peak, peak_flops(self.model.dtype, self.model.device) / 1e9)


def print_row(*cells: object) -> None:
    texts = [f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells]
    print("|", " | ".join(texts), "|", flush=True)


def print_head(title: str, *cells: str) -> None:
    print(f"\n{title}\n")
    print_row(*cells)
    print_row(*["---"] * len(cells))


def percent(part: float) -> str:
    return f"{100 * part:.2g} %"


def far(rows: np.ndarray, exact: np.ndarray) -> tuple[float, float]:
    """Largest difference of a value, and largest distance of a cosine from 1."""
    products = (rows.astype(float) * exact).sum(1)
    norms = np.linalg.norm(rows.astype(float), axis=1) * np.linalg.norm(exact.astype(float), axis=1)
    return float(abs(rows - exact).max()), float((1 - products / norms).max())


def compare(folder: Path, sequences: list[str], few: int, rounds: int) -> None:
    """The table of one model."""
    engines = [load_model(folder, dtype, torch.get_num_threads()) for dtype in dtypes()]
    plain = plain_model(folder, engines[0])
    ways = {"one at a time, float32": Way(plain, one_at_a_time, few)}
    for model in engines:
        ways[f"engine, {model.dtype}"] = Way(model, engine_rows, len(sequences))
    for _ in range(rounds):
        for way in ways.values():
            way.run(sequences)
    tokenize = partial(plain.reading.token_ids, plain.tokenizer, sequences)
    lengths = np.array([len(row) for row in tokenize()])
    exact = ways["engine, float32"].rows
    beside = best_seconds(tokenize, 3) / len(exact), seconds_to_write(exact) / len(exact)
    name = plain.description["backend"]
    print_head(f"{name}: {len(exact)} sequences, {lengths.mean():.1f} tokens on average", *COLUMNS)
    first = ways["one at a time, float32"]
    for title, way in ways.items():
        each = way.seconds / way.count
        tokens = lengths[: way.count].sum() / way.seconds
        speed = flops_per_token(way.model) * tokens / 1e9
        print_row(
            title,
            1 / each,
            tokens,
            speed,
            way.peak,
            percent(speed / way.peak),
            f"{first.seconds / first.count / each:.2f} x",
            *(percent(seconds / each) for seconds in beside),
            *far(way.rows, exact[: way.count]),
            round(way.megabytes) if ON_GPU else "-",
        )
    if ON_GPU:
        floors = ", ".join(f"{gpu} {speed}" for gpu, speed in FLOORS[name].items())
        print(f"\nSequences/s of a GPU at its peak, by arithmetic: {floors}.")


def dtypes() -> list[str]:
    if ON_GPU:
        return ["float32", "float16", "bfloat16"]
    return ["float32", "bfloat16"]


def seconds_to_write(rows: np.ndarray) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return best_seconds(lambda: write_tensors(f"{folder}/x", {"embedding": rows}, {}), 3)


def print_padding(tokenizer_folder: Path, sequences: list[str]) -> None:
    """What is padded where batches are as full as on a GPU; a CPU pads nothing."""
    tokenizer = load_tokenizer(tokenizer_folder / "tokenizer.json")
    lengths = np.array([len(row) for row in token_ids(tokenizer, sequences)])
    unsorted = sum(len(b) * b.max() for b in np.array_split(lengths, -(-len(lengths) // 64)))
    print_head("Padding", "sequences", "engine, CPU", "engine, GPU", "unsorted, 64 together")
    lengths, start, padded = -np.sort(-lengths), 0, 0
    while start < len(lengths):
        end = batch_end(lengths, start, TOKENS_PER_BATCH["cuda"], pads=True)
        start, padded = end, padded + (end - start) * lengths[start]
    parts = (1 - lengths.sum() / total for total in (padded, unsorted))
    print_row(len(lengths), "0 %", *map(percent, parts))


def write_windows_shard(folder: Path, genome: str, count: int) -> Path:
    """Windows of a genome at even distances, as a shard."""
    starts = np.linspace(0, len(genome) - 300, count).astype(int)
    return write_shard(folder / str(count), ".fna", (genome[s : s + 300] for s in starts))


def write_shard(prefix: Path, suffix: str, sequences: Iterable[str]) -> Path:
    """Sequences as the shard that embed.py reads."""
    text = "".join(f">w{i}\n{sequence}\n" for i, sequence in enumerate(sequences)).encode()
    prefix.with_suffix(suffix).write_bytes(text)
    metadata = dict.fromkeys(("sample", "cut", "cut_settings", "shard"), "x")
    metadata[f"{suffix[1:]}_sha256"] = sha256(text).hexdigest()
    table = pa.table({}).replace_schema_metadata(metadata)
    pq.write_table(table, prefix.with_suffix(".parquet"))
    return prefix


def print_memory(genome: str, counts: list[int], folder: Path) -> None:
    """Of embed.py as a process: what grows with the number of sequences."""
    tiny = {"hidden_size": 192, "num_hidden_layers": 1, "intermediate_size": 96}
    model = write_random("dnabert_s", folder, **tiny)
    print_head("embed.py, a tiny model", "sequences", "s", "peak MB", "MB of the result")
    for count in counts:
        print_row(count, *cost_and_matrix(model, write_windows_shard(folder, genome, count)))


def cost_and_matrix(model: Path, shard: Path) -> tuple[float, int, int]:
    """Of embed.py as a process on this shard: its time, its peak of memory, its matrix."""
    out = shard.with_suffix(".safetensors")
    options = ["--model", model, "--shard", shard, "--work", f"{shard}.work", "--out", out]
    cost = cost_of(sys.executable, SCRIPTS / "embed.py", *options)
    matrix = read_tensor(out, "embedding").nbytes
    return cost.seconds, round(cost.megabytes), round(matrix / 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    ecoli = SHARED / "data/bacteria/escherichia_coli_K12_MG1655_NC_000913.fa.gz"
    parser.add_argument("--fasta", type=Path, default=ecoli)
    parser.add_argument("--sequences", type=int, nargs=2, default=[128, 24], help="of each model")
    parser.add_argument("--one-by-one", type=int, nargs=2, default=[24, 4], help="of these")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--memory", type=int, nargs="*", default=[1000, 100_000])
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        windows = write_windows(options.fasta, folder)
        print_memory("".join(windows["fna"]), options.memory, folder / "tiny")
        some = np.random.default_rng(0).permutation(len(windows["fna"]))
        sizes = zip(MODELS, options.sequences, options.one_by_one, strict=True)
        for (name, layers, suffix), count, few in sizes:
            model = write_random(name, folder / name, num_hidden_layers=layers)
            compare(model, [windows[suffix][i] for i in some[:count]], few, options.rounds)
            print_padding(model, [windows[suffix][i] for i in some[:10_000]])


if __name__ == "__main__":
    main()
