"""Safetensors files whose bytes depend on their contents alone, without torch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

_DTYPES = {
    "F16": np.dtype("float16"),
    "F32": np.dtype("float32"),
    "F64": np.dtype("float64"),
    "I32": np.dtype("int32"),
    "I64": np.dtype("int64"),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


def write_tensors(
    path: str | Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Write arrays and metadata; the library would copy them, and order the metadata by chance."""
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    # Wide types first, so that each begins where its items may.
    names, end = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name)), 0
    for name in names:
        array, begin = tensors[name], end
        end += array.nbytes
        shape, places = list(array.shape), [begin, end]
        header[name] = {"dtype": _NAMES[array.dtype], "shape": shape, "data_offsets": places}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8
    with open(path, "wb") as handle:
        handle.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            handle.write(np.ascontiguousarray(tensors[name]).data)


def read_metadata(path: str | Path) -> dict[str, str]:
    """The metadata of a safetensors file."""
    with safe_open(path, framework="numpy") as file:
        return file.metadata() or {}


def read_tensor(path: str | Path, name: str) -> np.ndarray:
    """One array of a safetensors file."""
    with safe_open(path, framework="numpy") as file:
        return file.get_tensor(name)


def read_layout(path: str | Path, name: str) -> tuple[list[int], np.dtype]:
    """Shape and type of an array that is not read."""
    with safe_open(path, framework="numpy") as file:
        part = file.get_slice(name)
        return part.get_shape(), _DTYPES[part.get_dtype()]
