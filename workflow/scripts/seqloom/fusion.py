"""Embeddings of one shard side by side."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqloom.errors import InputError
from seqloom.tensors import read_metadata, read_tensor

SAME = ("sample", "cut", "cut_settings", "shard", "rows")


def fuse(
    shard: Mapping[str, str], files: Sequence[Path]
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """The matrix [rows, sum of widths] and a description of its backends, in column order.

    `shard` is the metadata of its parquet; an embedding of anything else is an error.
    """
    matrices, backends = [], []
    for file in files:
        metadata, matrix = read_metadata(file), read_tensor(file, "embedding")
        check_same_shard(shard, metadata, matrix, file)
        matrices.append(matrix)
        backends.append(_backend(metadata, matrix.shape[1]))
    return np.concatenate(matrices, axis=1), backends


def check_same_shard(
    shard: Mapping[str, str], metadata: Mapping[str, str], matrix: np.ndarray, file: Path
) -> None:
    """An error that names the first difference between an embedding and its shard."""
    for key in SAME:
        if metadata[key] != shard[key]:
            raise InputError(
                f"{file}: {key} is {metadata[key]}, but the shard's is {shard[key]}; embed it again"
            )
    if metadata["shard_sha256"] not in (shard.get("fna_sha256"), shard.get("faa_sha256")):
        raise InputError(
            f"{file}: made from sequences with sha256 {metadata['shard_sha256']}, but the shard "
            f"holds {shard.get('fna_sha256')} (DNA) and {shard.get('faa_sha256')} (protein); "
            "embed it again"
        )
    if matrix.shape[0] != int(shard["rows"]):
        raise InputError(f"{file}: {matrix.shape[0]} rows, but the shard has {shard['rows']}")


def _backend(metadata: Mapping[str, str], width: int) -> dict[str, Any]:
    return {
        "backend": metadata["backend"],
        "width": width,
        "weights_sha256": metadata["weights_sha256"],
        "revision": metadata["revision"] or None,
        "dtype": metadata["dtype"],
        "pooling": metadata["pooling"],
        "engine_version": metadata["engine_version"],
        "random": json.loads(metadata["random"]),
    }
