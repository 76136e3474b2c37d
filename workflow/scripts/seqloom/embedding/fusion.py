"""Embeddings of one shard side by side."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqloom.embedding.matrices import check_same_shard, failures_of
from seqloom.files.tensors import read_metadata, read_tensor


def fuse(
    frames: Path, files: Sequence[Path]
) -> tuple[np.ndarray, list[dict[str, Any]], dict[int, str]]:
    """The matrix [rows, sum of widths], its backends in column order, and rows without values.

    `frames` is the table of the shard; an embedding of anything else is an error.
    """
    matrices, backends, failures = [], [], {}
    for file in files:
        check_same_shard(frames, file)
        matrices.append(read_tensor(file, "embedding"))
        metadata = read_metadata(file)
        backends.append(_backend(metadata, matrices[-1]))
        for row, reason in failures_of(metadata).items():
            before = f"{failures[row]}; " if row in failures else ""
            failures[row] = f"{before}{metadata['backend']}: {reason}"
    rows = np.concatenate(matrices, axis=1)
    rows[list(failures)] = np.nan
    return rows, backends, failures


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
