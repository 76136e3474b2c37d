"""GPU leases: one lock file per device, held by the process of the job and freed by the kernel.

Snakemake counts GPUs but does not say which one a job may use. A lease is an flock on the file of
a device; it survives exec and ends with the process, so kill -9 frees it. Environment:

- SEQLOOM_GPUS: the pool, comma-separated, instead of the list of nvidia-smi; empty means no GPU.
- CUDA_VISIBLE_DEVICES: restricts the pool; empty or -1 means no GPU.
- SEQLOOM_LEASES: folder of the lock files, in memory or on a disk of this machine.

The devices that a scheduler gives a job belong to it: the names of their locks contain the job, so
only processes inside one allocation take turns.
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

# One folder for all users, or two of them could share a GPU. Not in /tmp, where old files are
# removed even if they are locked.
LEASES = "/dev/shm/seqloom-leases"
_SCHEDULER_JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID")


def lease(count: int, environment: Mapping[str, str]) -> dict[str, str]:
    """Wait for `count` GPUs; return the variables that give them to this process."""
    pool = devices(environment) if count else []
    if not pool:
        log.info("no GPU %s: running on the CPU", "here" if count else "needed")
        return {"CUDA_VISIBLE_DEVICES": ""}
    if len(pool) < count:
        raise InputError(
            f"{count} GPUs are requested, but there are {len(pool)}; lower `gpu` of the rule"
        )
    job = _scheduler_job(environment)
    locks = {device: f"{job}-{device}" if job else device for device in pool}
    chosen = _wait_for(count, locks, Path(environment.get("SEQLOOM_LEASES", LEASES)))
    log.info("leased GPU %s", ",".join(chosen))
    if job and len(pool) == count:
        return {}
    # Indexes must have the meaning of nvidia-smi.
    return {"CUDA_VISIBLE_DEVICES": ",".join(chosen), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def _scheduler_job(environment: Mapping[str, str]) -> str | None:
    """The job to which the visible devices belong; None if the scheduler names no devices."""
    if "CUDA_VISIBLE_DEVICES" not in environment:
        return None
    return next((environment[name] for name in _SCHEDULER_JOBS if name in environment), None)


def devices(environment: Mapping[str, str]) -> list[str]:
    """Identifiers of the GPUs that this process may lease."""
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
            f"nvidia-smi failed ({' '.join(reason)}); repair the driver, "
            "or set SEQLOOM_GPUS= to run on the CPU"
        )
    return re.findall(r"^GPU \d+:.*\(UUID: (GPU-[^)]+)\)", answer.stdout, flags=re.MULTILINE)


def _wait_for(count: int, locks: Mapping[str, str], folder: Path) -> list[str]:
    """Wait for `count` devices and lock them; `locks` are the lock names by device."""
    is_logged = False
    while True:
        held: dict[str, int] = {}
        for device, name in locks.items():
            lock = try_lock(folder, name)
            if lock is not None:
                held[device] = lock
            if len(held) == count:
                for descriptor in held.values():
                    os.set_inheritable(descriptor, True)
                return list(held)
        # Release all: two jobs that each hold some would wait for each other forever.
        for descriptor in held.values():
            os.close(descriptor)
        if not is_logged:
            log.info("waiting for %d of %d GPUs", count, len(locks))
            is_logged = True
        time.sleep(random.uniform(0.2, 1.0))


def try_lock(folder: Path, name: str) -> int | None:
    _make_folder(folder)
    path = folder / (re.sub(r"[^\w.-]", "_", name) + ".lock")
    descriptor = _open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The lock of a file that was removed before has no effect.
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def _make_folder(folder: Path) -> None:
    """Make the folder with access for all users, which a later user could not change."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    mask = os.umask(0)
    try:
        folder.mkdir(mode=0o1777, exist_ok=True)
    finally:
        os.umask(mask)


def _open_lock(path: Path) -> int:
    try:
        # No O_CREAT: in this folder the kernel refuses it for the file of another user.
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        try:
            return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return os.open(path, os.O_RDONLY)
