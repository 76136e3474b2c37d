"""What a program costs, for the benchmarks that start one."""

import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Of a process: seconds by the clock, seconds of the processor, millions of bytes at most."""

    seconds: float
    cpu: float
    megabytes: float


def cost_of(*command: object, cwd: Path | None = None) -> Cost:
    """Run a command, whose output is shown only if it fails, which ends this program.

    The peak is that of the command itself (VmHWM): `ru_maxrss` would begin with our own memory.
    What it starts is in the processor's seconds only.
    """
    line = list(map(str, command))
    with tempfile.TemporaryFile() as output:
        begin, peak, ended = time.perf_counter(), 0, 0
        process = subprocess.Popen(line, cwd=cwd, stdout=output, stderr=subprocess.STDOUT)
        facts = Path(f"/proc/{process.pid}/status")
        while not ended:
            if known := re.search(r"VmHWM:\s+(\d+)", facts.read_text()):  # an ended one has none
                peak = int(known[1]) * 1024
            time.sleep(0.01)
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.exit(f"{output.read().decode()}\nerror: {' '.join(line)} failed")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, peak / 1e6)
