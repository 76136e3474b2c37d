"""The backends of resources/models.yaml."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqloom.config.schemas import read_schema, read_yaml, validated
from seqloom.errors import InputError


@dataclass(frozen=True)
class Backend:
    """A language model with its pooling rule; the keys are explained in models.yaml."""

    name: str
    architecture: str
    molecule: str
    width: int
    pooling: str
    max_length: int
    dtype: str
    parameters: int
    repository: str | None = None
    revision: str | None = None
    sha256: str | None = None
    files: Sequence[str] = ()
    demo: Mapping[str, Any] | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """A text that changes only when the weights are different ones."""
        if self.demo:
            return f"random {dict(self.demo)}"
        return self.sha256 or f"{self.repository} {self.revision or ''}".strip()


def read_backend(registry: str | Path, name: str) -> Backend:
    """The backend `name`."""
    entries = read_yaml(registry)
    if name not in entries:
        raise InputError(
            f'{registry}: there is no backend "{name}"; choose one of {", ".join(sorted(entries))}'
        )
    where = f'{registry}: backend "{name}"'
    return Backend(name, **validated(entries[name], read_schema("backend"), where))
