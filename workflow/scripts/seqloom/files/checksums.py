"""Checksums of files, and of what is in a file of the user whatever its name and its times.

The latter is kept with the size, the times and the inode of its file, so that a file is read again
only after it was touched. The kernel sets the time of change (ctime); `mv`, `cp -p` and `rsync -t`
cannot keep an old one.
"""

import contextlib
import hashlib
import logging
import os
from functools import cache
from pathlib import Path

from seqloom.errors import InputError

log = logging.getLogger(__name__)

_LONG = 5_000_000_000  # bytes, which take some seconds
# Names of files may hold bytes that are no text.
_TEXT = {"encoding": "utf-8", "errors": "surrogateescape"}


def sha256(path: str | Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@cache
def checksum_of(path: str, store: Path) -> str:
    """The SHA-256 of a file; `store` keeps it for the next run."""
    try:
        facts = os.stat(path)
        state = f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns} {facts.st_ino}"
        known = _stored(store).get((path, state))
        if known:
            return known
        if facts.st_size > _LONG:
            log.warning("reading %s for its checksum, once", path)
        checksum = sha256(path)
    except OSError as error:
        raise InputError(f"{path}: reading fails ({error.strerror}); mend that") from None
    # Where nothing can be written, a plan is still shown.
    with contextlib.suppress(OSError):
        store.parent.mkdir(parents=True, exist_ok=True)
        with open(store, "a", **_TEXT) as file:
            file.write(f"{checksum}\t{state}\t{path}\n")
    return checksum


@cache
def _stored(store: Path) -> dict[tuple[str, str], str]:
    """Checksums by path and state; a line that a kill cut short is passed over."""
    if not store.exists():
        return {}
    lines = store.read_text(**_TEXT).split("\n")[:-1]
    cells = [line.split("\t", 2) for line in lines]
    return {(c[2], c[1]): c[0] for c in cells if len(c) == 3 and len(c[0]) == 64}
