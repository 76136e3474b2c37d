"""Folders a run writes to, and the lock on one."""

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from seqloom.errors import InputError


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
        raise InputError(
            f"{Path(lock).parent}: another run is at work in this folder; wait for it, or stop it"
        ) from None
    return handle
