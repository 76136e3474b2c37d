"""For all tests."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from projects import Project, make_project

# A busy machine takes its time; no test measures it.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A project in which nothing has run."""
    return make_project(tmp_path / "project")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that ran to the end; tests must not change it."""
    project = make_project(tmp_path_factory.mktemp("finished") / "project")
    project.run()
    return project


@pytest.fixture
def copy(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished project, times of files included, for tests that change it."""
    folder = tmp_path / "project"
    shutil.copytree(finished.folder, folder, symlinks=True, copy_function=shutil.copy2)
    # Rules do not depend on folder times, but the metadata of Snakemake must be copied.
    assert (folder / ".snakemake").is_dir() and os.access(folder, os.W_OK)
    return Project(folder)


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict]:
    """All scripts, with inputs, in a folder that is the current one for the tests of a file."""
    from chain_data import make_chain  # here, since it imports what few tests need

    with contextlib.chdir(tmp_path_factory.mktemp("chain")):
        yield make_chain()
