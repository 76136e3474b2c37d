"""Safetensors files whose bytes depend on their contents alone, without torch."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

_DTYPES = {"F16": np.dtype("float16"), "F32": np.dtype("float32")}


def write_tensors(
    path: str | Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Write arrays and metadata; the library alone would order the metadata by chance."""
    contents = save(dict(tensors), dict(metadata))
    size = int.from_bytes(contents[:8], "little")
    header = json.loads(contents[8 : 8 + size])
    header["__metadata__"] = dict(sorted(metadata.items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8
    with open(path, "wb") as handle:
        handle.write(len(text).to_bytes(8, "little") + text)
        handle.write(memoryview(contents)[8 + size :])


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
