"""A small data set for the tests of learning: contigs, shards and fused matrices of three samples.

Viral frames lie to the right of host frames in every column, and are rich in A and T.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from seqs_data import write_frame

from seqloom.config.cut import Cut
from seqloom.files.provenance import as_strings
from seqloom.files.tables import write_table
from seqloom.files.tensors import write_tensors
from seqloom.learn.split import PARTS, frames_to_use, labeled_contigs
from seqloom.seqs.bgzip import bgzip

WIDTH = 8
CUT = asdict(Cut(60))
BACKEND = {
    "backend": "toy",
    "width": WIDTH,
    "weights_sha256": "ab" * 32,
    "revision": "r1",
    "dtype": "float32",
    "store": "float16",
    "pooling": "mean",
    "random": True,
}
# sample: label, number of contigs, frames of each contig
SAMPLES = {"vir": ("viral", 9, 6), "bac": ("host", 6, 20), "fun": ("host", 6, 8)}
WINDOW_FRAMES = 2


@dataclass
class World:
    """Files in the order of the samples; two shards per sample."""

    samples: list[dict] = field(default_factory=list)
    contigs: list[Path] = field(default_factory=list)
    genomes: list[Path] = field(default_factory=list)
    frames: list[Path] = field(default_factory=list)
    fused: list[Path] = field(default_factory=list)


def make_world(folder: Path, signal: float = 2.0, noise: float = 1.0) -> World:
    """Write the inputs of split, and the fused matrices."""
    rng = np.random.default_rng(0)
    world = World()
    for sample, (label, count, frames) in SAMPLES.items():
        names = [f"{sample}{i}" for i in range(count)]
        add_sample(world, folder, sample, label, dict.fromkeys(names, frames), rng, signal, noise)
    return world


def add_sample(world, folder, sample, label, frames_of, rng, signal=2.0, noise=1.0):
    """A sample with these contigs: name -> number of frames; pairs of contigs share a group."""
    groups = folder / f"{sample}.groups.tsv"
    names = list(frames_of)
    lines = [f"{name}\t{sample}-group{i // 2}\n" for i, name in enumerate(names)]
    groups.write_text("contig\tgroup\n" + "".join(lines))
    world.samples.append(
        {"sample": sample, "label": label, "category": sample, "groups": str(groups)}
    )
    world.contigs.append(folder / "contigs" / f"{sample}.tsv")
    world.contigs[-1].parent.mkdir(exist_ok=True)
    shares = [0.35, 0.35, 0.15, 0.15] if label == "viral" else [0.15, 0.15, 0.35, 0.35]
    genome = {name: "".join(rng.choice(list("ATCG"), 400, p=shares)) for name in names}
    table = pd.DataFrame({"contig": names, "kept_frames": list(frames_of.values())})
    table = table.assign(length=400, gc=0.4)
    table["sha256"] = [hashlib.sha256(s.encode()).hexdigest() for s in genome.values()]
    # Only some frames are read, and learning must count those.
    write_frame(world.contigs[-1], table.assign(frames=table["kept_frames"] + 5))
    world.genomes.append(folder / f"{sample}.fa.gz")
    with bgzip(world.genomes[-1]) as write:
        write("".join(f">{name}\n{sequence}\n" for name, sequence in genome.items()).encode())
    for number, part in enumerate((names[: len(names) // 2], names[len(names) // 2 :]), 1):
        shard = f"{number:04}-of-0002"
        rows = [(n, i) for n in part for i in range(frames_of[n])]
        write_shard(world, folder / f"{sample}.{shard}", sample, shard, rows, genome)
        centers = signal if label == "viral" else 0.0
        matrix = rng.normal(centers, noise, (len(rows), WIDTH)).astype(np.float16)
        write_fused(world.fused[-1], sample, shard, matrix)


def write_shard(world, prefix, sample, shard, rows, genome):
    """The table and the nucleotides of a shard; each contig ends with a window without a frame."""
    table, fasta = [], []
    for contig, i in rows:
        window = i // WINDOW_FRAMES + 1
        name = f"{contig}_chunk_{window}F{i % WINDOW_FRAMES + 1}"
        table.append((len(fasta), name, contig, window))
        fasta.append(f">{name}\n{genome[contig][3 * i : 3 * i + 60]}\n")
        if (contig, i + 1) not in rows:
            table.append((None, f"{contig}_chunk_{window + 1}", contig, window + 1))
    frame = pd.DataFrame(table, columns=["row", "id", "contig", "window"])
    frame = frame.assign(start=60 * frame["window"] - 60, end=60 * frame["window"])
    text = "".join(fasta).encode()
    prefix.with_name(prefix.name + ".fna").write_bytes(text)
    metadata = {"sample": sample, "cut": "w60", "shard": shard, "rows": len(fasta)}
    metadata["fna_sha256"] = sha256(text).hexdigest()
    world.frames.append(prefix.with_name(prefix.name + ".parquet"))
    world.fused.append(prefix.with_name(prefix.name + ".safetensors"))
    write_table(
        world.frames[-1],
        frame.astype({"row": "Int32", "window": "int32"}),
        as_strings(metadata | {"cut_settings": CUT, "faa_sha256": f"{sample} {shard}"}),
    )


def fused_metadata(sample="vir", shard="0001-of-0002", rows=0, **changes) -> dict[str, str]:
    metadata = {
        "fusion": "toys",
        "backends": [BACKEND],
        "sample": sample,
        "cut": "w60",
        "cut_settings": CUT,
        "shard": shard,
        "faa_sha256": f"{sample} {shard}",
        "rows": rows,
    }
    return as_strings(metadata | changes)


def write_fused(path, sample, shard, matrix, **changes):
    metadata = fused_metadata(sample, shard, len(matrix), **changes)
    write_tensors(path, {"embedding": matrix}, metadata)


def split_by_hand(world: World) -> pd.DataFrame:
    """The groups of a sample in train, validation, test, train, validation."""
    table = labeled_contigs(world.samples, world.contigs)
    number = table["group"].str[-1].astype(int)
    table["part"] = number.map(lambda n: PARTS[n % 3])
    return table.assign(take=frames_to_use(table, "category"))


def write_split(path: Path, table: pd.DataFrame, seed: int = 42) -> Path:
    write_table(path, table, {"seed": json.dumps(seed)})
    return path
