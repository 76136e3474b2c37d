"""Files that appear whole or not at all."""

import contextlib
import glob
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

_HOUR = 3600


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
        _remove_leftovers(target)
    try:
        yield temporaries
        for temporary in temporaries:
            _sync(temporary)
        for temporary, target in zip(temporaries, targets, strict=True):
            os.replace(temporary, target)
    finally:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)


def _remove_leftovers(target: Path) -> None:
    """Remove the temporary files of `target` that killed processes left."""
    # On a shared disk the process may run on another machine, so a recent file is kept.
    for path in target.parent.glob(f".*.tmp.{glob.escape(target.name)}"):
        pid = path.name.split(".")[1]
        with contextlib.suppress(FileNotFoundError):
            is_old = time.time() - path.stat().st_mtime > _HOUR
            if is_old and pid.isdigit() and not _is_running(int(pid)):
                path.unlink()


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the process of another user
        return True
    return True


def _sync(path: Path) -> None:
    with open(path, "rb") as handle:
        os.fsync(handle.fileno())
