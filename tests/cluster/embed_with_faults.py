#!/usr/bin/env python3
"""Stands for embed.py: a job takes a file of `faults`, if any is left, and does what its name says.

Of each shard only the first attempt does so. What a job finds out about its GPU is noted there too.
"""

import fcntl
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

from seqloom.embedding.resume import KeptRows

FAULTS = Path("faults")
TOO_MUCH = 100  # MB more than the job asked for


def main() -> None:
    matrix = sys.argv[sys.argv.index("--out") + 1]
    first_attempt = FAULTS / "taken" / matrix.replace("/", "_")
    lock = hold_device()
    if first_attempt.exists():
        fault, megabytes, _ = first_attempt.read_text().split()
        if fault == "memory":
            hold_memory(int(megabytes))
    elif fault := take_fault():
        megabytes = memory_of_this_job() + TOO_MUCH
        first_attempt.write_text(f"{fault} {megabytes} {matrix}")
        if fault == "fail":
            sys.exit("error: this shard fails once")
        if fault == "memory":
            hold_memory(megabytes)
            sys.exit("error: Slurm has let this job have too much memory")
        wait_after_the_first_rows(fault)
    runpy.run_path(str(Path(__file__).with_name("embed_itself.py")), run_name="__main__")
    os.close(lock)


def hold_device() -> int:
    """Lock the file of this job's GPU until its process ends; note it if another job holds that."""
    name = f"{os.environ['SLURMD_NODENAME']}-{os.environ['CUDA_VISIBLE_DEVICES']}"
    lock = os.open(FAULTS / "devices" / name, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        (FAULTS / "shared" / name).touch()
    return lock


def take_fault() -> str | None:
    for file in sorted(FAULTS.glob("[0-9]-*")):
        try:
            file.rename(FAULTS / "taken" / file.name)
        except FileNotFoundError:  # another job was faster
            continue
        return file.name.partition("-")[2]
    return None


def memory_of_this_job() -> int:
    command = ["scontrol", "show", "job", os.environ["SLURM_JOB_ID"]]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return int(re.search(r"MinMemoryNode=(\d+)M", answer)[1])


def hold_memory(megabytes: int) -> None:
    """Have so much for longer than Slurm takes to see it."""
    memory = b"x" * (megabytes << 20)
    time.sleep(8)
    del memory


def wait_after_the_first_rows(fault: str) -> None:
    waiting = FAULTS / "waiting" / fault
    add = KeptRows.add

    def add_and_wait(self: KeptRows, rows) -> None:
        add(self, rows)
        if not waiting.exists():
            waiting.write_text(os.environ["SLURM_JOB_ID"])
        # This is a thread beside the main one, which has ended the handling when it is to stop.
        while waiting.read_text() and signal.getsignal(signal.SIGTERM) != signal.SIG_IGN:
            time.sleep(0.1)

    KeptRows.add = add_and_wait


if __name__ == "__main__":
    main()
