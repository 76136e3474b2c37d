"""A failing installation ends with one sentence that names the package."""

import os
import subprocess
import tarfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def last_line_of_install(folder, requirement):
    (folder / "lock").write_text(f"{requirement}\n")
    done = subprocess.run(
        ["envs/install.sh", folder / "venv", folder / "lock"],
        cwd=REPOSITORY,
        env=os.environ | {"PIP_NO_CACHE_DIR": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    return line


def test_a_package_that_does_not_exist_is_named(tmp_path):
    line = last_line_of_install(tmp_path, "no-such-package-of-seqloom==1.0")
    assert line.startswith(
        "error: the package no-such-package-of-seqloom==1.0 cannot be installed "
        "(No matching distribution found for no-such-package-of-seqloom==1.0); see "
    )


def test_a_package_that_cannot_be_built_is_named(tmp_path):
    (tmp_path / "setup.py").write_text("import no_such_module\n")
    archive = tmp_path / "broken-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "setup.py", "broken-1.0/setup.py")
    line = last_line_of_install(tmp_path, str(archive))
    assert line.startswith(
        f"error: the package {archive} cannot be installed "
        "(ModuleNotFoundError: No module named 'no_such_module'); see "
    )
