"""Files that appear whole or not at all."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is synced and renamed, on error removed."""
    with atomic_all([path]) as [temporary]:
        yield temporary


@contextlib.contextmanager
def atomic_all(paths: Iterable[str | Path]) -> Iterator[list[Path]]:
    """Like `atomic` for several files: none is renamed before all are written."""
    targets = [Path(path) for path in paths]
    # The final suffix is kept because writers choose a format by it.
    temporaries = [path.with_name(f".{os.getpid()}.tmp.{path.name}") for path in targets]
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield temporaries
        for temporary in temporaries:
            _sync(temporary)
        for temporary, target in zip(temporaries, targets, strict=True):
            os.replace(temporary, target)
    finally:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    with open(path, "rb") as handle:
        os.fsync(handle.fileno())


def sha256(path: str | Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def read_json(path: str | Path) -> Any:
    return json.loads(Path(path).read_text())


def write_json(path: str | Path, value: Any) -> None:
    """Write indented JSON atomically; a NaN is an error, because it is not JSON."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")
