"""Folders a run writes to, and the lock on one."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

from seqloom.errors import InputError

_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP)  # Lustre mounted without `flock`, for example


def check_writable(folders: Iterable[str]) -> None:
    """Raise an error unless each folder can be written to, or created."""
    for folder in folders:
        existing = next(
            path for path in (Path(folder), *Path(folder).absolute().parents) if path.exists()
        )
        if not existing.is_dir():
            raise InputError(
                f"{existing}: this is a file, but the workflow needs a folder there; move it"
            )
        if not os.access(existing, os.W_OK | os.X_OK):
            raise InputError(
                f"{existing}: this folder is not writable; run in another one, or change its "
                "permissions"
            )


def lock_folder(lock: str | Path) -> TextIO:
    """Lock a folder until the returned handle closes; the kernel frees it when the process ends."""
    handle = open(lock, "w")  # noqa: SIM115
    if not _locked(handle):
        raise InputError(
            f"{Path(lock).parent}: another run is using this folder; wait for it, or stop it"
        )
    return handle


def wait_for_jobs(lock: str | Path, say: Callable[[str], None]) -> None:
    """Wait until no job holds `lock`, as each job does; those of a killed run go on without it."""
    with open(lock, "w") as handle:
        if not _locked(handle):
            say(
                "jobs of an earlier run, which was killed, are still at work here: waiting for "
                f"them (if there are none, press Ctrl-C, remove {lock} and run again)"
            )
            fcntl.flock(handle, fcntl.LOCK_EX)


def _locked(handle: TextIO) -> bool:
    """Whether nobody else has the lock, or the file system has no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


def end_future_times(folders: Iterable[str], clock: Path, say: Callable[[str], None]) -> None:
    """Give files of the future, made while a clock was ahead, the present time.

    What is made from them would be older than they are, which Snakemake takes for an error. The
    time is that of the disk, which `clock`, a file there, gets.
    """
    clock.touch()
    now = clock.stat().st_mtime
    files = [path for folder in folders for path in Path(folder).rglob("*")]
    ahead = [path for path in files if path.lstat().st_mtime > now]
    for path in ahead:
        with contextlib.suppress(PermissionError):  # of another user, in shared models
            os.utime(path, (now, now), follow_symlinks=False)
    if ahead:
        say(
            f"{len(ahead)} files such as {ahead[0]} were made while a clock was ahead: they get "
            "the present time, and what seems older is made once more"
        )
