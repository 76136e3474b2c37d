"""What is written in two places says the same: manual, schemas, linters, drawing of the rooms."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
ARCHITECTURE = (REPOSITORY / "docs/ARCHITECTURE.md").read_text()


def described(schema: dict) -> Iterator[tuple[str, str]]:
    for key, part in schema.get("properties", {}).items():
        yield key, part["description"].strip()
        other = part.get("additionalProperties")
        yield from described(other if isinstance(other, dict) else {})
        yield from described(part)


@pytest.mark.parametrize("name", ["config", "samples", "annotate"])
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


def test_the_rooms_are_drawn_in_the_order_that_lint_holds():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    [contract] = project["tool"]["importlinter"]["contracts"]
    rooms = [room for layer in contract["layers"] for room in layer.split(" | ")]
    drawn = re.findall(r"^    (\w+) {3,}\w", ARCHITECTURE, re.MULTILINE)
    assert drawn == rooms


def test_every_name_on_the_page_of_the_architecture_exists():
    functions = re.findall(r"`([\w.]+)\(\)`", ARCHITECTURE)
    others = re.findall(r"`([a-z]+(?:\.\w+){2,})`", ARCHITECTURE)
    assert len(functions) > 30 and len(others) > 3
    for name in functions + others:
        assert resolve_name(f"seqloom.{name}")


def test_every_file_on_the_page_of_the_architecture_exists():
    tops = (REPOSITORY, REPOSITORY / "workflow/scripts/seqloom")
    files = re.findall(r"`([\w/]+/(?:\w+\.\w+)?)`", ARCHITECTURE)
    assert files
    for file in files:
        assert any((top / file).exists() for top in tops), file


@pytest.mark.parametrize(("name", "rows"), [("rebuilds", 30), ("reliability", 18)])
def test_every_row_of_a_table_of_changes_or_faults_names_a_test_that_exists(name, rows):
    page = (REPOSITORY / f"docs/{name}.md").read_text()
    tests = "".join(path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py"))
    lines = [line for line in page.splitlines() if re.match(r"\| (?!\*\*)", line)]
    last = [line.split("|")[-2].strip() for line in lines]
    assert len(last) > rows
    assert all("`test_" in cell for cell in last if cell not in ("test", "the same"))
    for test in re.findall(r"`(test_\w+)`", page):
        assert f"def {test}(" in tests, test
