"""Reading and writing JSON files."""

import json
from pathlib import Path
from typing import Any

from seqloom.files.atomic import atomic
from seqloom.files.damage import reraise_as_damaged


def read_json(path: str | Path) -> Any:
    with reraise_as_damaged(path, ValueError):
        return json.loads(Path(path).read_text())


def write_json(path: str | Path, value: Any) -> None:
    """Write indented JSON atomically; a NaN is an error, because it is not JSON."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")
