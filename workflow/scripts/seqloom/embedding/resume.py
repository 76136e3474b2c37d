"""The finished first rows of a long job, kept in a folder, so that a restart does not repeat them.

`record.json` has the number of finished rows in `rows`, their origin and their SHA-256. It is
written after the rows, so a kill at any time leaves a record of complete rows.
"""

import contextlib
import hashlib
import logging
import os
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Self

import numpy as np

from seqloom.errors import InputError
from seqloom.files.folders import lock_folder
from seqloom.files.json_files import read_json, write_json

log = logging.getLogger(__name__)

_ROWS, _RECORD, _LOCK = "rows", "record.json", "lock"
_SECONDS = 5.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class Work:
    """A folder for progress, which is used only if its record has the same `made_from`."""

    folder: Path
    made_from: Mapping[str, Any]


class KeptRows:
    """Fill the array `rows` from its front, keeping what is done; without `work`, keep nothing.

    `with KeptRows(rows, work) as kept:` the first `kept.done` rows are there; `kept.add(more)`.
    """

    def __init__(self, rows: np.ndarray, work: Work | None) -> None:
        self.rows, self.work, self.done = rows, work, 0
        self._saved, self._sha256, self._due = 0, hashlib.sha256(), time.monotonic()

    def __enter__(self) -> Self:
        if self.work:
            folder = self.work.folder
            with _input_error(folder):
                folder.mkdir(parents=True, exist_ok=True)
                self._lock = lock_folder(folder / _LOCK)
                # Not truncated: the first rows are kept, and the record counts no others.
                rows = os.open(folder / _ROWS, os.O_RDWR | os.O_CREAT, 0o666)
                self._file = os.fdopen(rows, "r+b")
                self._read()
            if self.done:
                log.info("going on after %d of %d rows in %s", self.done, len(self.rows), folder)
        return self

    def __exit__(self, *_: object) -> None:
        if self.work:
            with self._lock, self._file:
                self._save()

    def add(self, rows: np.ndarray) -> None:
        self.rows[self.done : self.done + len(rows)] = rows
        self.done += len(rows)
        if self.work and time.monotonic() >= self._due:
            self._save()
            self._due = time.monotonic() + _SECONDS

    def _save(self) -> None:
        new, sha256 = self.rows[self._saved : self.done], self._sha256.copy()
        sha256.update(new)
        with _input_error(self.work.folder):
            self._file.seek(self.rows[: self._saved].nbytes)
            self._file.write(new)
            self._file.flush()
            os.fsync(self._file.fileno())
            write_json(self.work.folder / _RECORD, self._record(self.done, sha256))
        self._saved, self._sha256 = self.done, sha256

    def _read(self) -> None:
        """Take over the rows of the record, if their origin and checksum are right."""
        try:
            record = read_json(self.work.folder / _RECORD)
            kept = self.rows[: record["rows"]]
        except (
            FileNotFoundError,
            InputError,
            TypeError,
            KeyError,
        ):  # none, or not ours
            return
        self._file.readinto(kept)
        sha256 = hashlib.sha256(kept)
        if record == self._record(len(kept), sha256):
            self.done, self._saved, self._sha256 = len(kept), len(kept), sha256

    def _record(self, rows: int, sha256: Any) -> dict[str, Any]:
        return {"made_from": dict(self.work.made_from), "rows": rows, "sha256": sha256.hexdigest()}


def remove_kept(folder: Path) -> None:
    """Remove what was kept in a folder, and the folder unless something else is in it.

    The job is done, so a signal to stop is ignored: it would make the job count as failed.
    """
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    for name in (_RECORD, _ROWS, f".*.tmp.{_RECORD}", _LOCK):
        for path in folder.glob(name):
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def try_again_when_stopped() -> None:
    """Let SIGTERM and SIGINT unwind this process and end it with the code for `try again`."""
    for number in _SIGNALS:
        signal.signal(number, _stop)


def _stop(number: int, _frame: FrameType | None) -> None:
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    # Not by print, which the signal may have interrupted.
    name = signal.Signals(number).name
    os.write(2, f"stopped by {name}; the same command goes on from here\n".encode())
    raise SystemExit(os.EX_TEMPFAIL)


@contextlib.contextmanager
def _input_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{folder}: progress cannot be kept here ({error.strerror}); "
            "mend that, or name another folder"
        ) from error
