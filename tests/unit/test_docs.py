"""The manual and the schemas agree."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]


def described(schema: dict) -> Iterator[tuple[str, str]]:
    for key, part in schema.get("properties", {}).items():
        yield key, part["description"].strip()
        other = part.get("additionalProperties")
        yield from described(other if isinstance(other, dict) else {})
        yield from described(part)


@pytest.mark.parametrize("name", ["config", "samples"])
def test_every_key_is_in_the_manual(name):
    manual = (REPOSITORY / "config/README.md").read_text()
    schema = yaml.safe_load((REPOSITORY / f"config/schemas/{name}.schema.yaml").read_text())
    for key, description in described(schema):
        assert f"{key}` |" in manual, key
        assert description in manual, key
