"""Folders a run writes to, and the lock on one."""

import fcntl
import os
from collections.abc import Iterable
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
