"""Shards without sequences: tables and matrices of random numbers."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqloom.files.tensors import write_tensors

# Two shards; the second has a window without a frame between its rows.
IDS = [["a_chunk_1F1", "a_chunk_1R2"], ["b_chunk_1F3", None, "ü_chunk_9R1"]]
FLAT = ["a_chunk_1F1", "a_chunk_1R2", "b_chunk_1F3", "ü_chunk_9R1"]


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def shard_facts(number: int, rows: int) -> dict[str, str]:
    facts = {"sample": "s", "cut": "w300", "cut_settings": '{"window": 300}'}
    return facts | {"shard": f"{number:04}-of-0002", "rows": str(rows)}


def write_frames(folder: Path, ids=IDS) -> list[str]:
    paths = []
    for number, names in enumerate(ids, start=1):
        present = [name is not None for name in names]
        rows = [sum(present[:i]) if there else None for i, there in enumerate(present)]
        table = pa.table(
            {"row": pa.array(rows, pa.int32()), "id": [name or "b_chunk_2" for name in names]}
        )
        metadata = {f"{kind}_sha256": digest(f"{kind}{number}") for kind in ("fna", "faa")}
        metadata |= shard_facts(number, sum(present))
        paths.append(str(folder / f"{number:04}-of-0002.parquet"))
        pq.write_table(table.replace_schema_metadata(metadata), paths[-1])
    return paths


def write_matrices(folder: Path, name: str, width: int, dtype="float32", ids=IDS, **metadata):
    """Shards of random numbers: of a fusion if `backends` is given, else of a backend."""
    random = np.random.default_rng(len(name))
    read = "faa_sha256" if "backends" in metadata else "shard_sha256"
    kind = "fna" if name == "dna" else "faa"
    paths, blocks = [], []
    for number, names in enumerate(ids, start=1):
        rows = sum(n is not None for n in names)
        blocks.append(random.normal(size=(rows, width)).astype(dtype))
        paths.append(str(folder / f"{name}{number}.safetensors"))
        strings = {"backend": name, read: digest(f"{kind}{number}"), "failures": "{}"}
        strings |= shard_facts(number, rows) | metadata
        write_tensors(paths[-1], {"embedding": blocks[-1]}, strings)
    return paths, np.concatenate(blocks)
