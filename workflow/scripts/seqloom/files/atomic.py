"""Files that appear whole or not at all."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed to it on success and removed on error."""
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
            sync(temporary)
        for temporary, target in zip(temporaries, targets, strict=True):
            os.replace(temporary, target)
    finally:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)


def remove_leftovers(folders: Iterable[str | Path]) -> None:
    """Remove the temporary files that killed processes left; no process may be at work there."""
    for folder in folders:
        for path in Path(folder).rglob(".[0-9]*.tmp.*"):
            path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file is on the disk."""
    with open(path, "rb") as handle:
        os.fsync(handle.fileno())
