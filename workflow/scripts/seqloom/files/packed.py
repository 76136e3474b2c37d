"""A classifier as one file to give away: a zip of its folder, with the SHA-256 of each member."""

import json
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from seqloom.errors import InputError

NAMES = ("classifier.json", "classifier.safetensors", "history.tsv", "model_card.md")
NEEDED = NAMES[:2]
SUMS = "checksums.json"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # equal contents give equal bytes


def pack(folder: Path, out: Path) -> None:
    """Write the files of a classifier's folder into one."""
    contents = {name: (folder / name).read_bytes() for name in NAMES if (folder / name).exists()}
    sums = {name: sha256(data).hexdigest() for name, data in contents.items()}
    with zipfile.ZipFile(out, "w") as file:
        for name, data in {SUMS: json.dumps(sums).encode(), **contents}.items():
            file.writestr(zipfile.ZipInfo(name, _LONG_AGO), data)


def classifier_problem(path: Path) -> str | None:
    """Why there is no classifier at a path, a folder or a packed file; None if there is one."""
    if not path.exists():
        return "does not exist; correct the path"
    if path.is_dir():
        missing = [name for name in NEEDED if not (path / name).is_file()]
        if missing:
            return f"has no {missing[0]}; give the folder of a trained classifier"
    return None


def classifier_files(path: Path) -> list[Path]:
    """The files that a classifier is read from."""
    return [path / name for name in NEEDED] if path.is_dir() else [path]


def read_member(path: Path, name: str) -> bytes:
    """A file of a packed classifier, checked."""
    try:
        with zipfile.ZipFile(path) as file:
            data = file.read(name)
            if json.loads(file.read(SUMS))[name] == sha256(data).hexdigest():
                return data
            reason = f"{name} differs from its checksum"
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, EOFError) as error:
        reason = " ".join(str(error.args[0]).split())
    raise InputError(
        f"{path}: it is no packed classifier, or damaged ({reason}); copy it again, or give the "
        "folder of a classifier"
    )


@contextmanager
def classifier_folder(path: Path) -> Iterator[Path]:
    """The folder of a classifier; a packed one is unpacked for the time being."""
    if path.is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in NEEDED:
            (Path(folder) / name).write_bytes(read_member(path, name))
        yield Path(folder)
