"""Embeddings in formats of other programs: a matrix per sample, HDF5, payloads of VirNucPro."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow.compute as pc

from seqloom.config.labels import LABELS
from seqloom.embedding.matrices import check_same_shard
from seqloom.errors import InputError
from seqloom.files.tables import read_table
from seqloom.files.tensors import read_layout, read_metadata, read_tensor
from seqloom.seqs.shards import check_letters

# Metadata that all shards of a matrix share; embeddings have some of them, fused matrices others.
IDENTITY = (
    *("backend", "weights_sha256", "revision", "dtype", "pooling", "engine_version", "random"),
    *("fusion", "backends", "sample", "cut", "cut_settings"),
)
NOT_TEXT = ("random", "backends", "cut_settings")


@dataclass(frozen=True)
class Shard:
    """The matrix of one shard, not read yet, and the ids of its rows."""

    path: str
    ids: list[str]
    metadata: dict[str, str]
    width: int
    dtype: np.dtype

    def read(self) -> np.ndarray:
        return read_tensor(self.path, "embedding")


def open_shards(frames: Sequence[str], embeddings: Sequence[str]) -> list[Shard]:
    """The matrices (embeddings or fused) of one sample, each checked against its frames."""
    if len(frames) != len(embeddings):
        raise InputError(
            f"{len(frames)} frame tables, {len(embeddings)} matrices; give one for one"
        )
    shards = [_open(*pair) for pair in zip(frames, embeddings, strict=True)]
    for shard in shards:
        for key in IDENTITY:
            if shard.metadata.get(key) != shards[0].metadata.get(key):
                raise InputError(
                    f"{shard.path}: its {key} is not that of {shards[0].path}; embed both alike"
                )
    return shards


def _open(frames: str, embeddings: str) -> Shard:
    check_same_shard(frames, embeddings)
    table = read_table(frames, ["row", "id"])
    ids = table.filter(pc.is_valid(table["row"]))["id"].to_pylist()
    (_, width), dtype = read_layout(embeddings, "embedding")
    return Shard(embeddings, ids, read_metadata(embeddings), width, dtype)


def all_ids(shards: Sequence[Shard]) -> list[str]:
    return [name for shard in shards for name in shard.ids]


def write_npy(matrix: Path, ids: Path, shards: Sequence[Shard]) -> None:
    """One matrix [N, D] and its ids, a line each, without holding the matrix in memory."""
    names = all_ids(shards)
    shape = (len(names), shards[0].width)
    _fill(np.lib.format.open_memmap(matrix, "w+", shards[0].dtype, shape), shards)
    ids.write_text("".join(f"{name}\n" for name in names))


def write_hdf5(path: Path, shards: Sequence[Shard], provenance: Mapping[str, Any]) -> None:
    """Datasets `ids` and `embedding`; attributes for the provenance and the shards' metadata."""
    names = all_ids(shards)
    shape = (len(names), shards[0].width)
    # Times would make two equal runs differ.
    with h5py.File(path, "w") as out:
        out.create_dataset("ids", data=names, dtype=h5py.string_dtype(), track_times=False)
        matrix = out.create_dataset("embedding", shape, shards[0].dtype, track_times=False)
        _fill(matrix, shards)
        out.attrs.update(_identity(shards))
        out.attrs["provenance"] = json.dumps(provenance)


def card(shards: Sequence[Shard], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of the JSON file beside formats without metadata."""
    facts = _identity(shards)
    facts |= {key: json.loads(facts[key]) for key in NOT_TEXT if key in facts}
    return facts | {"provenance": provenance}


def _identity(shards: Sequence[Shard]) -> dict[str, str]:
    return {key: shards[0].metadata[key] for key in IDENTITY if key in shards[0].metadata}


def _fill(target: Any, shards: Sequence[Shard]) -> None:
    """Copy the shards, one under the other, into something that is indexed like an array."""
    start = 0
    for shard in shards:
        target[start : start + len(shard.ids)] = shard.read()
        start += len(shard.ids)


def write_identified(nucleotides: Path, proteins: Path, frames: Sequence[Path]) -> None:
    """The FASTA files of all shards, one after the other: ours are written as VirNucPro does."""
    for path, suffix in ((nucleotides, ".fna"), (proteins, ".faa")):
        with open(path, "wb") as out:
            for table in frames:
                letters = table.with_suffix(suffix)
                check_letters(letters)
                with open(letters, "rb") as part:
                    shutil.copyfileobj(part, out)


def write_virnucpro(
    paths: Sequence[Path],
    dna: Sequence[Shard],
    protein: Sequence[Shard],
    fused: Sequence[Shard],
    label: str | None,
) -> None:
    """The payloads `_DNABERT_S.pt`, `_ESM.pt` and `_merged.pt`, in this order."""
    # torch takes seconds to load, and no other format needs it.
    import torch

    columns = [backend["backend"] for backend in json.loads(fused[0].metadata["backends"])]
    expected = [dna[0].metadata["backend"], protein[0].metadata["backend"]]
    if columns != expected:
        raise InputError(
            f"{fused[0].path}: fuses {' + '.join(columns)}, not {' + '.join(expected)};"
            " VirNucPro wants the DNA backend first, then the protein backend"
        )
    ids = all_ids(fused)
    merged = {"ids": ids, "data": torch.from_numpy(_float32(fused))}
    if label:
        merged["labels"] = [LABELS.index(label)]
    payloads = [
        {
            "nucleotide": ids,
            "data": [
                {"label": name, "mean_representation": row.tolist()}
                for name, row in zip(ids, _float32(dna), strict=True)
            ],
        },
        {"proteins": ids, "data": list(torch.from_numpy(_float32(protein)))},
        merged,
    ]
    for path, payload in zip(paths, payloads, strict=True):
        # Given a path, torch.save would put the (temporary) file name into the file.
        with open(path, "wb") as out:
            torch.save(payload, out)


def _float32(shards: Sequence[Shard]) -> np.ndarray:
    return np.concatenate([shard.read().astype(np.float32) for shard in shards])
