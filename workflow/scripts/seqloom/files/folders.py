"""Folders a run writes to, and the lock on one."""

import fcntl
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

from seqloom.errors import InputError


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
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(
            f"{Path(lock).parent}: another run is using this folder; wait for it, or stop it"
        ) from None
    return handle


def wait_for_jobs(lock: str | Path, say: Callable[[str], None]) -> None:
    """Wait until no job holds `lock`, as each job does; those of a killed run go on without it."""
    with open(lock, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(
                "jobs of an earlier run, which was killed, are still at work here: waiting for them"
            )
            fcntl.flock(handle, fcntl.LOCK_EX)


def end_future_times(folders: Iterable[str], say: Callable[[str], None]) -> None:
    """Give files of the future, made while a clock was ahead, the present time.

    What is made from them would be older than they are, which Snakemake takes for an error.
    """
    now = time.time()
    files = [path for folder in folders for path in Path(folder).rglob("*") if path.is_file()]
    ahead = [path for path in files if path.stat().st_mtime > now]
    for path in ahead:
        os.utime(path, (now, now))
    if ahead:
        say(
            f"{ahead[0]} and {len(ahead) - 1} other files were made while a clock was ahead: they "
            "get the present time, and jobs that seem older are repeated once"
        )
