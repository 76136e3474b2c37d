"""Leftovers and locks of killed processes."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from seqloom.errors import InputError
from seqloom.files.atomic import atomic
from seqloom.files.folders import check_writable, lock_folder

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
HOLD = """
import sys, time
from seqloom.files.folders import lock_folder
handle = lock_folder(sys.argv[1])
print("held", flush=True)
time.sleep(600)
"""


def leftover(folder: Path, pid: int, name: str, hours: float) -> Path:
    path = folder / f".{pid}.tmp.{name}"
    path.write_text("half")
    then = time.time() - hours * 3600
    os.utime(path, (then, then))
    return path


def test_only_old_leftovers_of_dead_processes_are_removed(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    old = leftover(tmp_path, ended.pid, "x[1].tsv", hours=2)
    kept = [
        leftover(tmp_path, os.getppid(), "x[1].tsv", hours=2),  # still at work
        leftover(tmp_path, 1, "x[1].tsv", hours=2),  # another user's
        leftover(tmp_path, ended.pid, "x1.tsv", hours=2),  # of another output
    ]
    with atomic(tmp_path / "x[1].tsv") as temporary:
        temporary.write_text("whole")
    assert not old.exists() and all(path.exists() for path in kept)
    assert (tmp_path / "x[1].tsv").read_text() == "whole"


def test_recent_leftovers_are_kept_for_other_machines(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    young = leftover(tmp_path, ended.pid, "x.tsv", hours=0.9)
    with atomic(tmp_path / "x.tsv") as temporary:
        temporary.write_text("whole")
    assert young.exists()


def test_a_folder_is_locked_until_its_process_is_killed(tmp_path):
    lock = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], cwd=SCRIPTS, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(InputError, match="another run is using this folder"):
        lock_folder(lock)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    lock_folder(lock).close()


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "results").touch()
    with pytest.raises(
        InputError, match="results: this is a file, but the workflow needs a folder there"
    ):
        check_writable([str(tmp_path / "results")])


CHECK = """
import os, sys
from seqloom.errors import InputError
from seqloom.files.folders import check_writable
if os.getuid() == 0:
    os.setuid(65534)  # root may write anywhere
try:
    check_writable([sys.argv[1] + "/results/genomes"])
except InputError as error:
    print(error)
"""


def test_a_folder_that_is_not_writable_is_refused():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        done = subprocess.run(
            [sys.executable, "-c", CHECK, folder], cwd=SCRIPTS, capture_output=True, text=True
        )
    assert done.stdout.startswith(f"{folder}: this folder is not writable")
