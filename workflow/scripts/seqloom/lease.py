"""Which GPU a job may use: a lock file per device, held by the job's process, freed by the kernel.

Snakemake counts GPUs but never says which one. A lease is an flock on a file per device; it
survives exec and ends with the process, so kill -9 frees it. Environment:

- SEQLOOM_GPUS: the pool, comma-separated, instead of what nvidia-smi lists; empty means no GPU.
- CUDA_VISIBLE_DEVICES: restricts the pool; inside a scheduler's job it is the allocation itself.
- SEQLOOM_LEASES: folder of the lock files, on a disk of this machine.
"""

import fcntl
import logging
import os
import random
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from seqloom.errors import InputError

log = logging.getLogger(__name__)

# One folder for all users of the machine, or two of them would share a GPU.
LEASES = "/tmp/seqloom-leases"
_SCHEDULER_JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID")


def lease(count: int, environment: Mapping[str, str]) -> dict[str, str]:
    """Wait for `count` GPUs; return the variables that give them to this process."""
    pool = devices(environment)
    if not pool:
        log.info("no GPU here: running on the CPU")
        return {}
    if len(pool) < count:
        raise InputError(
            f"{count} GPUs are asked for and {len(pool)} are there; lower `gpu` of the rule"
        )
    if len(pool) == count and any(job in environment for job in _SCHEDULER_JOBS):
        return {}
    chosen = _wait_for(count, pool, Path(environment.get("SEQLOOM_LEASES", LEASES)))
    log.info("leased GPU %s", ",".join(chosen))
    return {"CUDA_VISIBLE_DEVICES": ",".join(chosen)}


def devices(environment: Mapping[str, str]) -> list[str]:
    """Identifiers of the GPUs this process may choose among."""
    if "SEQLOOM_GPUS" in environment:
        present = _listed(environment["SEQLOOM_GPUS"])
    elif shutil.which("nvidia-smi"):
        present = _uuids()
    else:
        present = []
    if "CUDA_VISIBLE_DEVICES" not in environment:
        return present
    # An index and a UUID may name the same device; the lock must be the same too.
    visible = _listed(environment["CUDA_VISIBLE_DEVICES"])
    return [present[int(v)] if v.isdigit() and int(v) < len(present) else v for v in visible]


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _uuids() -> list[str]:
    answer = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True)
    if answer.returncode:
        reason = (answer.stderr or answer.stdout).strip().splitlines()[-1:]
        raise InputError(
            f"nvidia-smi failed ({' '.join(reason)}); mend the driver, "
            "or set SEQLOOM_GPUS= to run on the CPU"
        )
    return re.findall(r"^GPU \d+:.*\(UUID: (GPU-[^)]+)\)", answer.stdout, flags=re.MULTILINE)


def _wait_for(count: int, pool: list[str], folder: Path) -> list[str]:
    told = False
    while True:
        held: dict[str, int] = {}
        for device in pool:
            lock = _try_lock(folder, device)
            if lock is not None:
                held[device] = lock
            if len(held) == count:
                for descriptor in held.values():
                    os.set_inheritable(descriptor, True)
                return list(held)
        # All or nothing: two jobs that each hold a part would wait for each other forever.
        for descriptor in held.values():
            os.close(descriptor)
        if not told:
            log.info("waiting for %d of %d GPUs", count, len(pool))
            told = True
        time.sleep(random.uniform(0.2, 1.0))


def _try_lock(folder: Path, device: str) -> int | None:
    descriptor = _open_lock(folder, re.sub(r"[^\w.-]", "_", device))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _open_lock(folder: Path, name: str) -> int:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o1777)
    path = folder / f"{name}.lock"
    try:
        # Read-only and without O_CREAT: the kernel forbids creating over another user's file here.
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        try:
            return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return os.open(path, os.O_RDONLY)
