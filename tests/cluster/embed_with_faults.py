#!/usr/bin/env python3
"""Stands for embed.py: the job takes one of the files in `faults`, if any are left, and does what its name says.

A job takes a fault once; the next attempts of the same shard go well.
"""

import fcntl
import os
import re
import runpy
import subprocess
import sys
import time
from pathlib import Path

from seqloom.embedding.resume import KeptRows

FAULTS = Path("faults")
HELD_MB = 100  # above what the job asked for


def main() -> None:
    shard = sys.argv[sys.argv.index("--out") + 1].replace("/", "_")
    device = hold_device()
    taken = FAULTS / "taken" / shard
    if taken.exists():
        if taken.read_text().startswith("memory"):
            # The second attempt has twice as much.
            hold_memory(int(taken.read_text().split()[1]))
    elif fault := take_fault():
        megabytes = memory_of_this_job() + HELD_MB
        taken.write_text(f"{fault} {megabytes}")
        if fault == "fail":
            sys.exit("error: this shard fails once")
        if fault == "memory":
            hold_memory(megabytes)
            sys.exit("error: Slurm let this job have too much memory")
        wait_after_the_first_rows(fault)
    runpy.run_path(str(Path(__file__).with_name("embed_itself.py")), run_name="__main__")
    os.close(device)


def hold_device() -> int:
    """Lock the GPU of this job until its process ends, and note it; who finds it locked, notes that too."""
    name = f"{os.environ['SLURMD_NODENAME']}-{os.environ['CUDA_VISIBLE_DEVICES']}"
    descriptor = os.open(FAULTS / "devices" / name, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        (FAULTS / "shared" / name).touch()
    return descriptor


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
    add = KeptRows.add

    def add_and_wait(self: KeptRows, rows) -> None:
        add(self, rows)
        waiting = FAULTS / "waiting" / fault
        waiting.write_text(os.environ["SLURM_JOB_ID"])
        while waiting.exists():
            time.sleep(0.1)

    KeptRows.add = add_and_wait


if __name__ == "__main__":
    main()
