"""Files that appear whole or not at all."""

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from seqloom.errors import InputError

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
    # On a shared disk the process may run on another machine: then the file is young.
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
    except PermissionError:  # another user's
        return True
    return True


def _sync(path: Path) -> None:
    with open(path, "rb") as handle:
        os.fsync(handle.fileno())


def sha256(path: str | Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextlib.contextmanager
def telling_damage(path: str | Path, *errors: type[Exception]) -> Iterator[None]:
    """Tell `errors`, to which the contents of a file of ours have led, in one sentence."""
    try:
        yield
    except errors as error:
        if isinstance(error, OSError) and error.errno:  # the disk's, not the file's
            raise
        raise damaged(path, error) from error


def damaged(path: str | Path, reason: object) -> InputError:
    """The error that says what to do about a damaged file of ours."""
    words = " ".join(str(reason).split())
    return InputError(
        f"{path}: damaged or cut short ({words}); remove it and run again, which makes it anew"
    )


def read_json(path: str | Path) -> Any:
    with telling_damage(path, ValueError):
        return json.loads(Path(path).read_text())


def write_json(path: str | Path, value: Any) -> None:
    """Write indented JSON atomically; a NaN is an error, because it is not JSON."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")


def check_writable(folders: Iterable[str]) -> None:
    """An error unless these folders can be made, or written to where they are."""
    for folder in folders:
        there = next(
            path for path in (Path(folder), *Path(folder).absolute().parents) if path.exists()
        )
        if not there.is_dir():
            raise InputError(f"{there}: a file lies where the workflow writes to a folder; move it")
        if not os.access(there, os.W_OK | os.X_OK):
            raise InputError(
                f"{there}: nothing can be written to this folder; run in another one, or have its "
                "rights changed"
            )


def hold_folder(lock: str | Path) -> TextIO:
    """Hold a folder's lock as long as the handle is open; the kernel frees it however we end."""
    handle = open(lock, "w")  # noqa: SIM115
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError("another run is at work in this folder; wait for it, or stop it") from None
    return handle
