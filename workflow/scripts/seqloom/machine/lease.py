"""Which GPU a job may use: a lock file per device, held by the job's process, freed by the kernel.

Snakemake counts GPUs but never says which one. A lease is an flock on a file per device; it
survives exec and ends with the process, so kill -9 frees it. Environment:

- SEQLOOM_GPUS: the pool, comma-separated, instead of what nvidia-smi lists; empty means no GPU.
- CUDA_VISIBLE_DEVICES: restricts the pool; empty or -1 means no GPU.
- SEQLOOM_LEASES: folder of the lock files, in memory or on a disk of this machine.

The devices a scheduler gives a job are its own: their locks are named after the job too, and only
what runs inside one allocation takes turns.
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
from itertools import takewhile
from pathlib import Path

from seqloom.errors import InputError

log = logging.getLogger(__name__)

# One folder for all users of the machine, or two of them would share a GPU; not in /tmp, where
# files are removed when they grow old, held or not.
LEASES = "/dev/shm/seqloom-leases"
_SCHEDULER_JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID")


def lease(count: int, environment: Mapping[str, str]) -> dict[str, str]:
    """Wait for `count` GPUs; return the variables that give them to this process."""
    pool = devices(environment)
    if not pool:
        log.info("no GPU here: running on the CPU")
        return {"CUDA_VISIBLE_DEVICES": ""}
    if len(pool) < count:
        raise InputError(
            f"{count} GPUs are asked for and {len(pool)} are there; lower `gpu` of the rule"
        )
    job = _scheduler_job(environment)
    locks = {device: f"{job}-{device}" if job else device for device in pool}
    chosen = _wait_for(count, locks, Path(environment.get("SEQLOOM_LEASES", LEASES)))
    log.info("leased GPU %s", ",".join(chosen))
    if job and len(pool) == count:
        return {}
    # Indexes shall mean what nvidia-smi lists.
    return {"CUDA_VISIBLE_DEVICES": ",".join(chosen), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def _scheduler_job(environment: Mapping[str, str]) -> str | None:
    """The job whose own the visible devices are; a scheduler that names none leaves them to all."""
    if "CUDA_VISIBLE_DEVICES" not in environment:
        return None
    return next((environment[name] for name in _SCHEDULER_JOBS if name in environment), None)


def devices(environment: Mapping[str, str]) -> list[str]:
    """Identifiers of the GPUs this process may choose among."""
    if "SEQLOOM_GPUS" in environment:
        present = _listed(environment["SEQLOOM_GPUS"])
    elif shutil.which("nvidia-smi"):
        present = _uuids()
    else:
        present = []
    if not present or "CUDA_VISIBLE_DEVICES" not in environment:
        return present
    # An index and a UUID may name the same device; the lock must be the same too.
    visible = takewhile(lambda v: v != "-1", _listed(environment["CUDA_VISIBLE_DEVICES"]))
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


def _wait_for(count: int, locks: Mapping[str, str], folder: Path) -> list[str]:
    """Devices whose locks, named by `locks`, are now held."""
    told = False
    while True:
        held: dict[str, int] = {}
        for device, name in locks.items():
            lock = _try_lock(folder, name)
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
            log.info("waiting for %d of %d GPUs", count, len(locks))
            told = True
        time.sleep(random.uniform(0.2, 1.0))


def _try_lock(folder: Path, name: str) -> int | None:
    _make_folder(folder)
    path = folder / (re.sub(r"[^\w.-]", "_", name) + ".lock")
    descriptor = _open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A file that was removed before it was locked keeps nobody out.
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def _make_folder(folder: Path) -> None:
    """Make the folder for all users at once: a later chmod would be its owner's alone."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    mask = os.umask(0)
    try:
        folder.mkdir(mode=0o1777, exist_ok=True)
    finally:
        os.umask(mask)


def _open_lock(path: Path) -> int:
    try:
        # Read-only and without O_CREAT: the kernel forbids creating over another user's file here.
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        try:
            return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return os.open(path, os.O_RDONLY)
