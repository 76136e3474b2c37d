"""Errors about damaged result files, each in one sentence."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from seqloom.errors import InputError


@contextlib.contextmanager
def reraise_as_damaged(path: str | Path, *errors: type[Exception]) -> Iterator[None]:
    """Reraise `errors` as an InputError that calls the result file `path` damaged."""
    try:
        yield
    except errors as error:
        if isinstance(error, OSError) and error.errno:  # a fault of the disk, not of the contents
            raise
        raise damaged(path, error) from error


def damaged(path: str | Path, reason: object) -> InputError:
    """The error that says what to do about a damaged result file."""
    words = " ".join(str(reason).split())
    return InputError(
        f"{path}: damaged or cut short ({words}); remove it and run again to make it anew"
    )
