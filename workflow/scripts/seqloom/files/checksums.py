"""SHA-256 of files, with a cache for the input files of the user.

The cache keeps a checksum with the size, times and inode of its file, so a file is read again only
after it was touched. The kernel sets the change time (ctime), which `mv`, `cp -p` and `rsync -t`
cannot restore.
"""

import contextlib
import hashlib
import logging
import os
from functools import cache
from pathlib import Path

from seqloom.errors import InputError

log = logging.getLogger(__name__)

_LARGE = 5_000_000_000  # bytes; reading them takes several seconds
# File names may contain bytes that are not valid text.
_TEXT = {"encoding": "utf-8", "errors": "surrogateescape"}


def sha256(path: str | Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@cache
def cached_sha256(path: str, store: Path) -> str:
    """The SHA-256 of a file, from the cache `store` if the file is unchanged."""
    try:
        status = os.stat(path)
        state = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
        known = _stored(store).get((path, state))
        if known:
            return known
        if status.st_size > _LARGE:
            log.warning("reading %s for its checksum, once", path)
        checksum = sha256(path)
    except OSError as error:
        raise InputError(
            f"{path}: it cannot be read ({error.strerror}); correct that and run again"
        ) from None
    # A dry run also works where nothing can be written.
    with contextlib.suppress(OSError):
        store.parent.mkdir(parents=True, exist_ok=True)
        with open(store, "a", **_TEXT) as file:
            file.write(f"{checksum}\t{state}\t{path}\n")
    return checksum


@cache
def _stored(store: Path) -> dict[tuple[str, str], str]:
    """Checksums by path and state; a line cut short by a kill is skipped."""
    if not store.exists():
        return {}
    lines = store.read_text(**_TEXT).split("\n")[:-1]
    cells = [line.split("\t", 2) for line in lines]
    return {(c[2], c[1]): c[0] for c in cells if len(c) == 3 and len(c[0]) == 64}
