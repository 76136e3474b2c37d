"""How a file was made: versions, settings and input checksums, without clock or host name."""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from seqloom import __version__
from seqloom.files.checksums import sha256


def provenance(
    rule: str,
    inputs: Mapping[str, str | Path],
    settings: Mapping[str, Any],
    packages: tuple[str, ...] = (),
    digests: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """Describe an output so that a rerun gives the same bytes.

    `digests` are inputs whose checksum is already known: name -> {file, sha256}.
    """
    return {
        "rule": rule,
        "versions": {
            "seqloom": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in packages},
        },
        "settings": dict(settings),
        "inputs": {
            name: {"file": Path(path).name, "sha256": sha256(path)} for name, path in inputs.items()
        }
        | dict(digests or {}),
    }


def as_strings(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Metadata for safetensors and parquet, which hold only strings; other values become JSON."""
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in metadata.items()}
