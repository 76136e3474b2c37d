"""Embeddings in the formats of others: numpy, torch, HDF5, and frames as FASTA."""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from seqloom.embedding.matrices import check_same_shard, failures_of, row_ids
from seqloom.errors import InputError
from seqloom.files.tensors import read_layout, read_metadata, read_tensor
from seqloom.seqs.shards import check_letters

# Metadata that all shards of a matrix share; embeddings have some of them, fused matrices others.
IDENTITY = (
    *("backend", "weights_sha256", "revision", "dtype", "pooling", "reading"),
    *("engine_version", "random"),
    *("fusion", "backends", "sample", "cut", "cut_settings"),
)
NOT_TEXT = ("reading", "random", "backends", "cut_settings", "failures")


@dataclass(frozen=True)
class Shard:
    """The matrix of one shard, not read yet, and the ids of its rows."""

    path: str
    ids: list[str]
    metadata: dict[str, str]
    width: int
    dtype: np.dtype
    failed: list[int]  # rows without values, which are left out, as are their ids

    def read(self) -> np.ndarray:
        return np.delete(read_tensor(self.path, "embedding"), self.failed, axis=0)


def open_shards(frames: Sequence[str], embeddings: Sequence[str]) -> list[Shard]:
    """The matrices (embeddings or fused) of one sample, each checked against its frames."""
    if len(frames) != len(embeddings):
        raise InputError(
            f"{len(frames)} frame tables, {len(embeddings)} matrices; give one for one"
        )
    shards = [_open(*pair) for pair in zip(frames, embeddings, strict=True)]
    _check_alike(embeddings, [shard.metadata for shard in shards])
    return shards


def _open(frames: str, embeddings: str) -> Shard:
    check_same_shard(frames, embeddings)
    (_, width), dtype = read_layout(embeddings, "embedding")
    ids, failed = row_ids(frames), failures_of(read_metadata(embeddings))
    kept = [name for row, name in enumerate(ids) if row not in failed]
    return Shard(embeddings, kept, _metadata(embeddings, ids), width, dtype, sorted(failed))


def _metadata(embeddings: str, ids: Sequence[str]) -> dict[str, str]:
    """The metadata of a shard, its failures by id."""
    metadata = read_metadata(embeddings)
    failures = {ids[row]: reason for row, reason in failures_of(metadata).items()}
    return metadata | {"failures": json.dumps(failures)}


def _check_alike(paths: Sequence[str], metadata: Sequence[Mapping[str, str]]) -> None:
    for path, facts in zip(paths, metadata, strict=True):
        for key in IDENTITY:
            if facts.get(key) != metadata[0].get(key):
                raise InputError(f"{path}: its {key} is not that of {paths[0]}; embed both alike")


def all_ids(shards: Sequence[Shard]) -> list[str]:
    return [name for shard in shards for name in shard.ids]


def write_npy(matrix: Path, ids: Path, shards: Sequence[Shard]) -> None:
    """One matrix [N, D] and its ids, a line each, without holding the matrix in memory."""
    # Not a mapped file, which on a full disk ends the process without a word.
    layout = {"descr": shards[0].dtype.str, "fortran_order": False, "shape": _shape(shards)}
    with open(matrix, "wb") as out:
        np.lib.format.write_array_header_1_0(out, layout)
        for shard in shards:
            out.write(shard.read().data)
    _write_ids(ids, shards)


def write_pt(matrix: Path, ids: Path, shards: Sequence[Shard]) -> None:
    """One tensor [N, D] for torch.load, and its ids, a line each; the matrix is in memory once."""
    # torch takes seconds to load, and few formats need it.
    import torch

    rows = np.empty(_shape(shards), shards[0].dtype)
    _fill(rows, shards)
    # Given a path, torch.save would put the (temporary) file name into the file.
    with open(matrix, "wb") as out:
        torch.save(torch.from_numpy(rows), out)
    _write_ids(ids, shards)


def _shape(shards: Sequence[Shard]) -> tuple[int, int]:
    return sum(len(shard.ids) for shard in shards), shards[0].width


def _write_ids(path: Path, shards: Sequence[Shard]) -> None:
    path.write_text("".join(f"{name}\n" for name in all_ids(shards)))


def write_hdf5(path: Path, shards: Sequence[Shard], provenance: Mapping[str, Any]) -> None:
    """Datasets `ids` and `embedding`; attributes for the provenance and the shards' metadata."""
    names = all_ids(shards)
    # Times would make two equal runs differ.
    with h5py.File(path, "w") as out:
        out.create_dataset("ids", data=names, dtype=h5py.string_dtype(), track_times=False)
        matrix = out.create_dataset("embedding", _shape(shards), shards[0].dtype, track_times=False)
        _fill(matrix, shards)
        out.attrs.update(_attributes([shard.metadata for shard in shards], provenance))


def write_uniprot(path: Path, shards: Sequence[Shard], provenance: Mapping[str, Any]) -> None:
    """A dataset [D] per record, named by its id; the attributes of `write_hdf5`."""
    _check_names(all_ids(shards))
    with h5py.File(path, "w") as out:
        for shard in shards:
            for name, row in zip(shard.ids, shard.read(), strict=True):
                out.create_dataset(name, data=row, track_times=False)
        out.attrs.update(_attributes([shard.metadata for shard in shards], provenance))


def write_residues(
    path: Path, frames: Sequence[str], files: Sequence[str], provenance: Mapping[str, Any]
) -> int:
    """A dataset [residues, D] per record, named by its id; return how many there are."""
    ids_of_shards, described = [row_ids(table) for table in frames], []
    for table, file, ids in zip(frames, files, ids_of_shards, strict=True):
        check_same_shard(table, file, "counts")
        described.append(_metadata(file, ids))
    _check_alike(files, described)
    with h5py.File(path, "w") as out:
        for file, ids in zip(files, ids_of_shards, strict=True):
            counts, residues = read_tensor(file, "counts"), read_tensor(file, "residues")
            _check_names(ids)
            for name, end, count in zip(ids, counts.cumsum(), counts, strict=True):
                if count:  # else it failed, as the attributes say
                    rows = residues[end - count : end]
                    out.create_dataset(name, data=rows, track_times=False)
        out.attrs.update(_attributes(described, provenance))
        return len(out)


def _check_names(ids: Iterable[str]) -> None:
    for name in ids:
        if "/" in name or name == ".":
            raise InputError(
                f'record "{name}": HDF5 reads a / in a name as a folder; rename the record, or '
                "export hdf5 or npy, where ids are a list"
            )


def card(shards: Sequence[Shard], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of the JSON file beside formats without metadata."""
    facts = _identity([shard.metadata for shard in shards])
    facts |= {key: json.loads(facts[key]) for key in NOT_TEXT if key in facts}
    return facts | {"provenance": provenance}


def _attributes(
    metadata: Sequence[Mapping[str, str]], provenance: Mapping[str, Any]
) -> dict[str, str | bool]:
    facts: dict[str, str | bool] = {**_identity(metadata), "provenance": json.dumps(provenance)}
    if "random" in facts:  # a fusion has it in its backends
        facts["random"] = facts["random"] == "true"
    return facts


def _identity(metadata: Sequence[Mapping[str, str]]) -> dict[str, str]:
    facts = {key: metadata[0][key] for key in IDENTITY if key in metadata[0]}
    failures: dict[str, str] = {}
    for shard in metadata:
        failures |= json.loads(shard["failures"])
    return facts | ({"failures": json.dumps(failures)} if failures else {})


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
