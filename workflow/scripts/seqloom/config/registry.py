"""The backends of resources/models.yaml, and those of the user's config."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqloom.config.schemas import read_schema, read_yaml, validated
from seqloom.errors import InputError

REGISTRY = Path(__file__).parents[4] / "resources" / "models.yaml"
# The architecture of what the config names: an encoder of the library of this name.
TRANSFORMERS = "transformers"
# The architecture without weights: frequencies of k-mers.
KMER = "kmer"


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
    local: str | None = None

    @property
    def is_own(self) -> bool:
        """Whether it is of the config, not of models.yaml."""
        return self.architecture == TRANSFORMERS

    @property
    def described_in(self) -> str:
        return f"`backends: {self.name}` of the config" if self.is_own else "models.yaml"

    @property
    def section(self) -> str:
        """Where the config says which weights are meant."""
        return "backends" if self.is_own else "models"

    @property
    def identity(self) -> str:
        """A text that changes only when the weights are different ones."""
        if self.demo:
            return f"random {dict(self.demo)}"
        return self.sha256 or f"{self.repository} {self.revision or ''}".strip()


def read_backend(registry: str | Path, name: str) -> Backend:
    """The backend `name`."""
    return read_backends(registry, [name])[name]


def read_backends(registry: str | Path, names: Iterable[str]) -> dict[str, Backend]:
    """These backends by name; the registry is read once."""
    entries, schema = read_yaml(registry), read_schema("backend")
    backends = {}
    for name in names:
        if name not in entries:
            known = ", ".join(sorted(entries))
            raise InputError(f'{registry}: there is no backend "{name}"; choose one of {known}')
        where = f'{registry}: backend "{name}"'
        backends[name] = Backend(name, **validated(entries[name], schema, where))
    return backends


def own_backend(name: str, entry: Mapping[str, Any]) -> Backend:
    """The backend `name` with this entry of `backends` in the config."""
    schema = read_schema("config")["properties"]["backends"]["additionalProperties"]
    return Backend(name, TRANSFORMERS, **validated(dict(entry), schema, f"backends: {name}"))
