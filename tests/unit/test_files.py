"""What killed processes leave, and a lock they cannot leave."""

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
from seqloom.files.folders import check_writable, hold_folder

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
HOLD = """
import sys, time
from seqloom.files.folders import hold_folder
handle = hold_folder(sys.argv[1])
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


def test_young_leftovers_may_be_another_machines(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    young = leftover(tmp_path, ended.pid, "x.tsv", hours=0.9)
    with atomic(tmp_path / "x.tsv") as temporary:
        temporary.write_text("whole")
    assert young.exists()


def test_a_folder_is_held_by_one_until_it_is_killed(tmp_path):
    lock = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], cwd=SCRIPTS, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(InputError, match="another run is at work"):
        hold_folder(lock)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    hold_folder(lock).close()


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "results").touch()
    with pytest.raises(InputError, match="results: a file lies where the workflow writes"):
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


def test_a_folder_without_the_right_to_write_is_refused():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        done = subprocess.run(
            [sys.executable, "-c", CHECK, folder], cwd=SCRIPTS, capture_output=True, text=True
        )
    assert done.stdout.startswith(f"{folder}: nothing can be written to this folder")
