"""Embeddings of one shard side by side."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqloom.embedding.matrices import check_same_shard
from seqloom.files.tensors import read_metadata, read_tensor


def fuse(frames: Path, files: Sequence[Path]) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """The matrix [rows, sum of widths] and a description of its backends, in column order.

    `frames` is the table of the shard; an embedding of anything else is an error.
    """
    matrices, backends = [], []
    for file in files:
        check_same_shard(frames, file)
        matrices.append(read_tensor(file, "embedding"))
        backends.append(_backend(read_metadata(file), matrices[-1]))
    return np.concatenate(matrices, axis=1), backends


def _backend(metadata: Mapping[str, str], matrix: np.ndarray) -> dict[str, Any]:
    return {
        "backend": metadata["backend"],
        "width": matrix.shape[1],
        "weights_sha256": metadata["weights_sha256"],
        "config_sha256": metadata["config_sha256"],
        "tokenizer_sha256": metadata["tokenizer_sha256"],
        "revision": metadata["revision"] or None,
        "dtype": metadata["dtype"],
        "store": matrix.dtype.name,
        "pooling": metadata["pooling"],
        "reading": json.loads(metadata["reading"]),
        "engine_version": metadata["engine_version"],
        "random": json.loads(metadata["random"]),
    }
