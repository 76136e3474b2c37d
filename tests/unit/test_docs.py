"""What is written in two places says the same: manual, schemas, linters, drawing of the rooms."""

import re
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


def test_pre_commit_runs_the_linters_of_make_lint():
    makefile = (REPOSITORY / "Makefile").read_text()
    recipe = re.search(r"^lint:.*\n((\t.*\n)+)", makefile, re.MULTILINE)[1]
    lint = recipe.replace("$(SNAKEMAKE)", "$(BIN)/snakemake").replace("$(BIN)", ".venv/bin")
    [local] = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = [hook["entry"].removeprefix("env ") for hook in local["hooks"]]
    assert hooks == [line.strip() for line in lint.splitlines()]
