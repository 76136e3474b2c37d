"""Two runs at once in a folder, and the jobs of a run that was killed."""

import os
import signal
import subprocess
import time

MATRIX = "results/embeddings/demo_esm2/w300/query/0001-of-0001.safetensors"


def test_a_second_run_is_refused_and_the_one_after_a_kill_waits_for_the_jobs(copy, finished):
    (copy.folder / MATRIX).unlink()
    first = subprocess.Popen(copy.command(MATRIX), cwd=copy.folder, stderr=subprocess.DEVNULL)
    work = copy.folder / "work/embed/demo_esm2/w300/query/0001-of-0001"
    while not (work / "record.json").exists():
        assert first.poll() is None
        time.sleep(0.05)
    job = holder_of(work / "lock")
    os.kill(job, signal.SIGSTOP)

    second = copy.snakemake(MATRIX)
    assert second.returncode != 0
    assert "another run is using this folder; wait for it, or stop it" in second.stdout
    assert "Traceback" not in second.stdout

    first.kill()
    first.wait()
    third = subprocess.Popen(
        copy.command(MATRIX), cwd=copy.folder, stderr=subprocess.PIPE, text=True
    )
    for line in third.stderr:
        if "jobs of an earlier run, which was killed, are still at work here" in line:
            os.kill(job, signal.SIGCONT)
            break
    said = third.communicate()[1]
    assert third.returncode == 0, said
    assert copy.results() == finished.results()
    assert copy.planned() == {}


def holder_of(lock):
    """The process that has this file open."""
    for folder in lock.parents[0].__class__("/proc").glob("[0-9]*/fd/*"):
        try:
            if folder.samefile(lock):
                return int(folder.parts[2])
        except OSError:
            continue
    raise AssertionError(f"{lock}: no process has it open")
