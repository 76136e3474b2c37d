"""Tab-separated tables written by users: rows with line numbers, after a check of the header."""

import itertools
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from seqloom.config.schemas import hint_of
from seqloom.errors import InputError

_OTHER_SEPARATORS = {"commas": ",", "semicolons": ";", "spaces": " "}


def read_rows(
    path: str, required: Sequence[str], known: Sequence[str] | None = None
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows below the header with their line numbers; blank lines are skipped."""
    lines = [(number, line.rstrip().split("\t")) for number, line in numbered_lines(path)]
    if not lines:
        return
    (first, cells), *rows = lines
    header = [cell.strip() for cell in cells]
    if problem := _header_problem(header, required, known):
        raise InputError(f"{path} line {first}: {problem}")
    for number, cells in rows:
        if len(cells) > len(header):
            raise InputError(
                f"{path} line {number}: {len(cells)} cells, but the header has {len(header)}; "
                "remove the surplus"
            )
        if len(cells) == 1 < len(header) and re.search("[ ,;]", cells[0].strip()):
            raise InputError(
                f"{path} line {number}: this line has no tab; separate its cells by tabs"
            )
        # Editors add empty cells at the end of a line, or remove them.
        yield number, dict(itertools.zip_longest(header, map(str.strip, cells), fillvalue=""))


def numbered_lines(path: str) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, with their numbers."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(
            f"{path}: this is not UTF-8 text; save it as plain text in UTF-8 (a table with tabs)"
        ) from None
    # Unlike split("\n"), splitlines() also splits at rare characters such as form feed.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line


def file_problem(path: str) -> str | None:
    """Why `path` is not a file, and what to do, as the end of a sentence; None if it is one."""
    if os.path.isfile(path):
        return None
    if os.path.isdir(path):
        return "is a folder; name a file in it"
    if path.startswith("~") or "$" in path:
        return "does not exist (~ and $ are not expanded); give the full path"
    return "does not exist; correct the path"


def _header_problem(
    header: Sequence[str], required: Sequence[str], known: Sequence[str] | None
) -> str | None:
    """What is wrong with the header, and what to do; None if it is right."""
    if "" in header:
        return f"column {header.index('') + 1} has no name; name it or remove it"
    if header[0].startswith('"'):
        return "the cells are in quotes; save the table without them"
    for name in header:
        if header.count(name) > 1:
            return f'column "{name}" is named twice; remove one'
    unknown = [name for name in header if known and name not in known]
    missing = [name for name in required if name not in header]
    suspects = unknown or (header if missing else [])
    for separator, letter in _OTHER_SEPARATORS.items():
        if any(letter in name for name in suspects):
            return f"the columns are separated by {separator}; use tabs"
    if unknown:
        return f'column "{unknown[0]}" is unknown{hint_of(unknown[0], known)}'
    if missing:
        names = ", ".join(required)
        return f"the column {missing[0]} is missing; the first line must name {names}"
    return None
