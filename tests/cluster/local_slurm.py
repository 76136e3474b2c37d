"""A real Slurm on this machine for the time of a test: three nodes, with GPUs that are files.

`python tests/cluster/local_slurm.py FOLDER` (as root) starts one in FOLDER, prints `ready` and
takes it down when its input ends: with Ctrl-D, or because the program that started it is gone.
`. FOLDER/env.sh` leads to it.
"""

import ctypes
import os
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

GPUS = {"a6000-01": ("a6000", 2), "spark-01": ("gb10", 1), "cpu-01": ("", 0)}
CLIENTS = ("salloc", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun")
DAEMONS = ("munged", "slurmctld", "slurmd")
SECONDS_WITHOUT_CONTROLLER = 5
PR_SET_CHILD_SUBREAPER = 36

# A partition as on any site, two with GPUs, and one that takes a node away from lower ones.
# Nodes say what they have (config_overrides), whatever this machine has.
SLURM_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=20
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
MinJobAge=600
KillWait=5
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
MailProg=/bin/true
"""
PARTITIONS = """\
PartitionName=cpu Nodes=cpu-01 Default=YES MaxTime=120 State=UP
PartitionName=gpu Nodes=a6000-01 MaxTime=240 State=UP PriorityTier=1
PartitionName=spark Nodes=spark-01 MaxTime=240 State=UP PriorityTier=1
PartitionName=urgent Nodes=a6000-01 MaxTime=240 State=UP PriorityTier=2
"""


def why_not() -> str:
    """Why no Slurm can be started here; empty if it can."""
    missing = [name for name in (*DAEMONS, *CLIENTS) if not find(name)]
    if missing:
        return f"Slurm is not installed ({', '.join(missing)}): apt-get install slurm-wlm munge"
    return "" if os.geteuid() == 0 else "only root can make the device files of GPUs"


def find(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")


@contextmanager
def running_slurm(folder: Path) -> Iterator[dict[str, str]]:
    """A Slurm until the end of the block; the value is the environment for its clients."""
    # It ends with its input, which the kernel closes however this process dies.
    command = [sys.executable, __file__, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as keeper:
        if keeper.stdout.readline() != b"ready\n":
            logs = [log.read_text() for log in folder.glob("log/*")]
            raise RuntimeError("\n".join(["Slurm does not start:", *logs]))
        yield os.environ | client_environment(folder)
        keeper.stdin.close()


def client_environment(folder: Path) -> dict[str, str]:
    return {"SLURM_CONF": f"{folder}/slurm.conf", "PATH": f"{folder}/bin:{os.environ['PATH']}"}


def main(folder: Path) -> None:
    # Orphaned steps of jobs become children of this process, which ends them too.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with ExitStack() as stack:
        stack.callback(kill_descendants)
        write_files(folder)
        environment = os.environ | client_environment(folder)

        def start(program: str, *arguments: str) -> subprocess.Popen:
            with open(folder / f"log/{program}.out", "a") as log:
                return subprocess.Popen(
                    [find(program), *arguments],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )

        names = ("key-file", "socket", "pid-file", "log-file", "seed-file")
        options = [f"--{name}={folder}/munge.{name.split('-')[0]}" for name in names]
        options[1] = f"--socket={folder}/munge.sock"
        start("munged", "--foreground", "--force", *options)
        wait_until((folder / "munge.sock").exists)
        controller = start("slurmctld", "-D", "-c")
        for node in GPUS:
            start("slurmd", "-D", "-N", node)
        wait_until(lambda: is_up(environment))
        print("ready", flush=True)
        while not select.select([sys.stdin], [], [], 0.2)[0]:
            if controller.pid in ended_children():
                time.sleep(SECONDS_WITHOUT_CONTROLLER)
                controller = start("slurmctld", "-D")


def write_files(folder: Path) -> None:
    for name in ("bin", "dev", "log", "state", *(f"spool/{node}" for node in GPUS)):
        (folder / name).mkdir(parents=True)
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    host = socket.gethostname().partition(".")[0]
    controller, *ports = free_ports(1 + len(GPUS))
    lines = [SLURM_CONF.format(host=host, port=controller, folder=folder)]
    gres = []
    for (node, (kind, count)), port in zip(GPUS.items(), ports, strict=True):
        line = f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port}"
        line += " CPUs=4 RealMemory=8000"
        if count:
            # Slurm takes character devices only and reads the index from the name.
            for index in range(count):
                os.mknod(
                    folder / f"dev/{node}-nvidia{index}", 0o666 | stat.S_IFCHR, os.makedev(1, 3)
                )
            gres.append(
                f"NodeName={node} Name=gpu Type={kind} "
                f"File={folder}/dev/{node}-nvidia[0-{count - 1}]\n"
            )
            line += f" Gres=gpu:{kind}:{count}"
        lines.append(f"{line} State=UNKNOWN\n")
    (folder / "slurm.conf").write_text("".join([*lines, PARTITIONS]))
    (folder / "gres.conf").write_text("".join(gres))
    # The executor drops SLURM_CONF before it calls srun in a job; PATH it keeps.
    for client in CLIENTS:
        script = folder / "bin" / client
        script.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {find(client)} "$@"\n')
        script.chmod(0o755)
    (folder / "env.sh").write_text(
        f"export SLURM_CONF={folder}/slurm.conf PATH={folder}/bin:$PATH\n"
    )


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def is_up(environment: dict[str, str]) -> bool:
    command = ["sinfo", "--noheader", "--Node", "--format=%T"]
    states = subprocess.run(command, env=environment, capture_output=True, text=True).stdout
    return states.split().count("idle") >= len(GPUS)


def wait_until(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.1)


def ended_children() -> set[int]:
    """The numbers of children that have ended, which Slurm would take for running without this."""
    ended = set()
    with suppress(ChildProcessError):
        while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
            ended.add(pid)
    return ended


def kill_descendants() -> None:
    while children := psutil.Process().children(recursive=True):
        for child in children:
            child.send_signal(signal.SIGKILL)
        psutil.wait_procs(children, timeout=5)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
