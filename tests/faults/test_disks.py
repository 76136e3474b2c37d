"""A full disk, and one that is read-only: a sentence, and after that the same command goes on."""

import os
import resource
import shlex
import shutil
import signal
import subprocess
from contextlib import contextmanager

import pytest
from chain_data import arguments_of

from seqloom import cli

FULL = "No space left on device; make room and run again"


@contextmanager
def files_of_at_most(size: int):
    """Let the system refuse to write more, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_every_script_says_that_there_is_no_room_and_writes_nothing(steps, tmp_path, capsys):
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    # Of several samples the first.
    first = {name: step for name, step in steps.items() if not name.endswith((" bac", " lake"))}
    for name, step in first.items():
        largest = max(path.stat().st_size for path in outputs(step, tmp_path / "whole"))
        for size in (0, largest // 2):
            out = tmp_path / "out"
            with (
                pytest.raises(SystemExit) as end,
                arguments_of(step, str(out)),
                files_of_at_most(size),
            ):
                cli.run(step.script.main, step.script.arguments())
            assert end.value.code == 1
            assert [path for path in out.rglob("*") if path.is_file()] == [], name
            last = capsys.readouterr().err.splitlines()[-1]
            assert last.startswith("error: ") and last.endswith(
                "File too large; make room and run again"
            ), (name, size, last)


def test_what_the_system_refuses_is_told_in_one_sentence(steps, tmp_path, capsys):
    (tmp_path / "file").touch()
    step = steps["fuse vir"]
    with pytest.raises(SystemExit) as end, arguments_of(step, str(tmp_path / "file")):
        cli.run(step.script.main, step.script.arguments())
    assert end.value.code == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"error: {tmp_path}/file: File exists; correct that and run again"


def test_a_mistake_of_ours_beside_a_missing_file_is_not_taken_for_that(tmp_path, monkeypatch):
    def main(_):
        try:
            (tmp_path / "absent").read_text()
        except FileNotFoundError:
            {}["mistake"]

    monkeypatch.setattr("sys.argv", ["script"])
    with pytest.raises(KeyError):
        cli.run(main, cli.parser("a script"))


def outputs(step, out):
    shutil.rmtree(out, ignore_errors=True)
    with arguments_of(step, str(out)):
        cli.run(step.script.main, step.script.arguments())
    return [path for path in out.rglob("*") if path.is_file()]


def with_own_mounts(project, script):
    """What a script prints that runs in the folder of a project and may mount there unseen."""
    unshare = ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*unshare, "mount", "-t", "tmpfs", "none", "/mnt"]).returncode:
        pytest.skip("this system lets no user mount anything, not even unseen by others")
    command = shlex.join(project.command("export"))
    done = subprocess.run(
        [*unshare, "bash", "-euc", script],
        cwd=project.folder,
        env=os.environ | {"RUN": command},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def without_exports(copy):
    shutil.rmtree(copy.folder / "results/export/npy")
    return copy


def test_a_run_goes_on_once_the_disk_has_room(without_exports, finished):
    said = with_own_mounts(
        without_exports,
        """
        mkdir ../disk
        mount -t tmpfs none ../disk
        cp -a . ../disk
        cd ../disk
        used=$(df --output=used --block-size=1k . | tail -1)
        mount -o remount,size=$((used + 200))k .
        ! $RUN
        mount -o remount,size=100% .
        $RUN
        cp -a results ../project
        """,
    )
    assert FULL in said
    assert without_exports.results() == finished.results()


def test_a_read_only_folder_is_named_and_the_same_command_goes_on(without_exports, finished):
    said = with_own_mounts(
        without_exports,
        """
        mount --bind results results
        mount -o remount,bind,ro results
        ! $RUN
        umount results
        deep=results/export/npy/demo_esm2/w300
        mkdir -p $deep
        mount --bind $deep $deep
        mount -o remount,bind,ro $deep
        ! $RUN
        umount $deep
        $RUN
        """,
    )
    assert "results: this folder is not writable; run in another one" in said
    # Before it starts a job Snakemake removes what is there, and its own error names the file.
    assert "Read-only file system: 'results/export/npy/demo_esm2/w300/" in said
    assert without_exports.results() == finished.results()
