"""Jobs on nodes without a scheduler, started over ssh; the nodes share the folder of the run.

A job is a folder in running/. On the node a keeper starts it and renews the time of the file
`alive` every second. At the end the folder is moved to finished/ with a file `exit`, by the keeper
or, if that is silent for long, by whoever asks for the status. No connection has to last, and no
process number of another machine is trusted. Any python3 will do, without packages.
"""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from seqloom.errors import InputError
from seqloom.machine.lease import LEASES, try_lock

STATE = Path(".snakemake/ssh_jobs")
LOST_AFTER = 180  # seconds; a network file system may show a time a minute late
_MARK = "SEQLOOM_SSH_JOB"  # in the environment of all processes of a job
_GRACE = 10  # seconds from SIGTERM to SIGKILL
_PROGRAM = str(Path(__file__).absolute().parents[2] / "ssh_jobs.py")


@dataclass(frozen=True)
class Job:
    """What is known of a job where it was submitted."""

    node: str
    gpus: int
    ssh: str
    of_a_run: bool  # submitted by Snakemake, not by hand


def submit(script: Path, nodes: Sequence[str], slots: int, gpus: int, ssh: str) -> str:
    """Start a job on the node that has least to do, and return its name."""
    jobs = _running_jobs().values()
    with_gpu = [job.node for job in jobs if job.gpus] if gpus else []
    with_any = [job.node for job in jobs]
    for node in sorted(nodes, key=lambda node: (with_gpu.count(node), with_any.count(node))):
        name = _new_job(Job(node, gpus, ssh, _is_of_a_run(script)), script)
        folder = _folder(name).absolute()
        keeper = _command("keep", "--slots", str(slots), str(folder))
        log = shlex.quote(str(folder / "log"))
        here = shlex.quote(os.getcwd())
        start = f"cd {here} && {{ setsid nohup {keeper} < /dev/null >> {log} 2>&1 & }}"
        if _over_ssh(ssh, node, start):
            return name
        # If the node has started it all the same, the keeper notices and stops.
        _finish(_folder(name), f"ssh {node} failed")
    raise InputError(f"none of {', '.join(nodes)} answers; try `{ssh} {nodes[0]} true` by hand")


def status(name: str, lost_after: float = LOST_AFTER) -> str:
    """`running`, `success` or `failed`; a job whose keeper is silent has failed."""
    folder = _folder(name)
    now = STATE / "now"
    now.touch()  # by the clock that also sets the time of `alive`
    try:
        is_silent = now.stat().st_mtime - (folder / "alive").stat().st_mtime > lost_after
    except FileNotFoundError:
        end = STATE / "finished" / name / "exit"
        return "success" if end.exists() and end.read_text() == "0" else "failed"
    if not is_silent:
        return "running"
    job = _read_job(folder)
    # Another copy may run soon. If this does not reach the node, the keeper ends the job there.
    _over_ssh(job.ssh, job.node, _command("kill", name))
    _finish(folder, f"nothing heard for {lost_after:g} s")
    return "failed"


def cancel(names: Iterable[str]) -> None:
    """Tell the keepers to end their jobs; Snakemake gives us two seconds, too few for ssh."""
    for name in names:
        if _folder(name).exists():
            _folder(name, "stop").touch()


def end_orphans(say: Callable[[str], None]) -> None:
    """End the jobs of a Snakemake that was killed; the next one starts again what it needs."""
    orphans = [name for name, job in _running_jobs().items() if job.of_a_run]
    if orphans:
        say(f"ending jobs of an earlier run, which was killed: {', '.join(orphans)}")
    cancel(orphans)
    while any(status(name) == "running" for name in orphans):
        time.sleep(1)


def keep(folder: Path, slots: int) -> None:
    """On the node: run the job as soon as one of the slots is free, until it ends or is to stop."""
    job = slot = None
    end = "stopped"
    while job is None or job.poll() is None:
        try:
            os.utime(folder / "alive")
        except FileNotFoundError:
            break  # it was given up, and may run elsewhere
        if (folder / "stop").exists():
            break
        if slot is None:
            slot = _free_slot(slots)
        if job is None and slot is not None:
            environment = os.environ | {_MARK: folder.name}
            job = subprocess.Popen(["sh", folder / "script"], env=environment)
        time.sleep(1)
    if job is not None and job.poll() is not None:
        end = str(job.returncode)
    # Also what outlives the script, for the job may be tried again.
    kill(folder.name)
    _finish(folder, end)


def kill(name: str) -> None:
    """On the node: end all processes of a job, with time to save their progress."""
    _signal(name, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE
    while _processes(name):
        if time.monotonic() > deadline:
            _signal(name, signal.SIGKILL)
        time.sleep(0.2)


def _signal(name: str, number: signal.Signals) -> None:
    for process in _processes(name):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def _processes(name: str) -> list[int]:
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{_MARK}={name}".encode() in environment.read_bytes().split(b"\0"):
                found.append(int(environment.parent.name))
        except OSError:
            continue  # it has ended, or is of another user
    return found


def _free_slot(slots: int) -> int | None:
    """The lock of a free slot of this node, which ends with this process; of all users and runs."""
    folder = Path(os.environ.get("SEQLOOM_LEASES", LEASES))
    for number in range(slots):
        if (lock := try_lock(folder, f"slot-{number}")) is not None:
            return lock
    return None


def _is_of_a_run(script: Path) -> bool:
    """Whether it lies in the temporary folder in which a Snakemake has its scripts."""
    return script.absolute().parent.parent.name == ".snakemake"


def _new_job(job: Job, script: Path) -> str:
    """The name of a new job in running/, which appears there whole."""
    name = f"{job.node}-{uuid.uuid4().hex[:8]}"
    for folder in (STATE / "running", STATE / "finished", STATE / name):
        folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(script, STATE / name / "script")
    (STATE / name / "job.json").write_text(json.dumps(asdict(job)))
    (STATE / name / "alive").touch()
    (STATE / name).rename(_folder(name))
    return name


def _folder(name: str, *file: str) -> Path:
    return STATE.joinpath("running", name, *file)


def _read_job(folder: Path) -> Job:
    return Job(**json.loads((folder / "job.json").read_text()))


def _running_jobs() -> dict[str, Job]:
    jobs = {}
    for folder in (STATE / "running").glob("*"):
        try:
            jobs[folder.name] = _read_job(folder)
        except FileNotFoundError:
            continue  # it has ended just now
    return jobs


def _finish(folder: Path, end: str) -> None:
    with contextlib.suppress(FileNotFoundError):  # if somebody else did
        (folder / "exit").write_text(end)
        folder.rename(folder.parents[1] / "finished" / folder.name)


def _command(*words: str) -> str:
    return shlex.join([sys.executable, _PROGRAM, *words])


def _over_ssh(ssh: str, node: str, command: str) -> bool:
    """Whether a command ended well on a node, by sh, whatever shell the user has there."""
    options = ["-n", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]
    words = [*shlex.split(ssh), *options, node, f"sh -c {shlex.quote(command)}"]
    try:
        return subprocess.run(words, stdout=sys.stderr, timeout=60).returncode == 0
    except subprocess.TimeoutExpired:
        return False
