"""Damaged files of ours, told in one sentence."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from seqloom.errors import InputError


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
