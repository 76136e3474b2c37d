"""Leftovers and locks of killed processes."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from seqloom.errors import InputError
from seqloom.files.atomic import remove_leftovers
from seqloom.files.folders import check_writable, end_future_times, lock_folder, wait_for_jobs

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
HOLD = """
import sys, time
from seqloom.files.folders import lock_folder
handle = lock_folder(sys.argv[1])
print("held", flush=True)
time.sleep(600)
"""


def test_leftovers_are_removed_and_nothing_else(tmp_path):
    kept = [tmp_path / name for name in ("x.tsv", ".hidden", "a.tmp.tsv", ".x.part/1", ".x.tmp.y")]
    left = [tmp_path / name for name in (".12.tmp.x.tsv", "deep/down/.3456.tmp.x[1].safetensors")]
    for path in kept + left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    remove_leftovers([tmp_path / "absent", tmp_path])
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(kept)


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


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP])
def test_a_disk_without_locks_is_used_without(tmp_path, monkeypatch, number):
    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", flock)
    lock_folder(tmp_path / "lock").close()
    wait_for_jobs(tmp_path / "jobs.lock", pytest.fail)


def test_times_of_the_future_become_those_of_the_disk_in_the_run_and_nowhere_else(tmp_path):
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    run.mkdir()
    later = time.time() + 3600
    for file in (run / "new", run / "old", elsewhere):
        file.touch()
    for file in (run / "new", elsewhere):
        os.utime(file, (later, later))
    old = (run / "old").stat().st_mtime
    (run / "link").symlink_to(elsewhere)
    (run / "broken").symlink_to("absent")
    said = []
    end_future_times([str(run), "absent"], tmp_path / "clock", said.append)
    assert (run / "new").stat().st_mtime == (tmp_path / "clock").stat().st_mtime < later
    assert (run / "old").stat().st_mtime == old
    assert elsewhere.stat().st_mtime == later
    assert len(said) == 1 and f"1 files such as {run / 'new'} were" in said[0]


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
