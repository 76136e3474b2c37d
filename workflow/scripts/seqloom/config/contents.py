"""What is in the files of the user: it counts in place of their names and times."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from seqloom.config.settings import Settings
from seqloom.config.sheet_files import DEMO_FOLDER
from seqloom.files.checksums import cached_sha256

# Of files of the user: what was read once is read again only after it was touched.
_STORE = Path("work/checksums.tsv")


def made_here(settings: Settings, paths: Iterable[str]) -> list[str]:
    """Those of the paths that the workflow makes or fetches itself."""
    return [p for p in paths if p.startswith(DEMO_FOLDER) or p in settings.downloads]


def content_of(settings: Settings, paths: Iterable[str]) -> str:
    """A checksum of what is in these files, in their order."""
    paths = list(paths)
    made = set(made_here(settings, paths))
    return _digest([path if path in made else cached_sha256(path, _STORE) for path in paths])


def content_of_labels(settings: Settings) -> str:
    """A checksum of what the sheet and the groups files say of labeled samples."""
    rows = [settings.samples[name] for name in settings.labeled()]
    return _digest(
        [
            [row.name, row.label, row.category, row.groups and content_of(settings, [row.groups])]
            for row in rows
        ]
    )


def model_name(settings: Settings, backend: str) -> str:
    """A name that other weights, and other ways to read them, do not have."""
    entry, given = settings.backends[backend], settings["models"].get(backend, {})
    if "local" in given:
        files = filter(Path.is_file, Path(given["local"]).iterdir())
        weights = content_of(settings, sorted(map(str, files)))
    else:
        weights = given.get("sha256") or entry.identity
    reading = [entry.architecture, entry.pooling, entry.max_length, entry.dtype]
    return _digest([weights, *reading])[:12]


def _digest(values: Any) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
