"""Checksums of what the user gives: results depend on contents, not on file names and times."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from seqloom.config.settings import Settings
from seqloom.config.sheet_files import DEMO_FOLDER
from seqloom.files.checksums import cached_sha256

# The cache of checksums, which saves reading the same file again.
_STORE = Path("work/checksums.tsv")


def files_from_rules(settings: Settings, paths: Iterable[str]) -> list[str]:
    """The paths that a rule of the workflow makes or downloads."""
    return [p for p in paths if p.startswith(DEMO_FOLDER) or p in settings.downloads]


def content_checksum(settings: Settings, paths: Iterable[str]) -> str:
    """A checksum of the contents of these files, in order."""
    paths = list(paths)
    from_rules = set(files_from_rules(settings, paths))
    return _digest([path if path in from_rules else cached_sha256(path, _STORE) for path in paths])


def labels_checksum(settings: Settings) -> str:
    """A checksum of what the sheet and the groups files say about labeled samples."""
    rows = [settings.samples[name] for name in settings.labeled()]
    return _digest(
        [
            [
                row.name,
                row.label,
                row.category,
                row.groups and content_checksum(settings, [row.groups]),
            ]
            for row in rows
        ]
    )


def groups_checksum(settings: Settings) -> str:
    """A checksum of what the sheet and the groups files say about annotated species."""
    rows = [settings.samples[name] for name in sorted(settings["annotate"]["species"])]
    return _digest(
        [[row.name, row.groups and content_checksum(settings, [row.groups])] for row in rows]
    )


def model_name(settings: Settings, backend: str) -> str:
    """The name of a model folder: a hash of the weights and of how the registry reads them."""
    entry, given = settings.backends[backend], settings["models"].get(backend, {})
    if local := given.get("local") or entry.local:
        files = filter(Path.is_file, Path(local).iterdir())
        weights = content_checksum(settings, sorted(map(str, files)))
    else:
        weights = given.get("sha256") or entry.identity
    reading = [entry.architecture, entry.pooling, entry.max_length, entry.dtype]
    reading.append(dict(entry.reading))
    if entry.is_own:
        reading += [entry.molecule, entry.width]
    return _digest([weights, *reading])[:12]


def _digest(values: Any) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
