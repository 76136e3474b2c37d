"""A real Slurm on this machine for a while: three nodes, whose GPUs are character devices.

`python tests/cluster/local_slurm.py FOLDER` (as root) starts one in a new folder, prints `ready`,
and takes it down when its input ends: by Ctrl-D, or when the program that started it has died, even
by kill -9. `. FOLDER/env.sh` leads a shell to it.
"""

import ctypes
import os
import select
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

NODES = {"a6000-01": ("a6000", 2), "spark-01": ("gb10", 1), "cpu-01": ("", 0)}
PARTITIONS = """\
PartitionName=cpu Nodes=cpu-01 Default=YES MaxTime=240 State=UP
PartitionName=gpu Nodes=a6000-01 MaxTime=240 State=UP PriorityTier=1
PartitionName=spark Nodes=spark-01 MaxTime=240 State=UP PriorityTier=1
PartitionName=urgent Nodes=a6000-01 MaxTime=240 State=UP PriorityTier=2
"""
# Jobs of `urgent` take the GPUs of others, which go back into the queue, for cred_expire seconds at
# least. Nodes have what is written here, whatever this machine has (config_overrides), and memory
# limits hold without cgroups (OverMemoryKill).
SETTINGS = """\
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
SlurmdParameters=config_overrides
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
MinJobAge=3600
KillWait=5
ReturnToService=0
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
MailProg=/bin/true
"""
DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun")
SECONDS_WITHOUT_CONTROLLER = 5
PR_SET_CHILD_SUBREAPER = 36


def why_not() -> str:
    """Why no Slurm can be started here; empty if it can."""
    missing = [name for name in (*DAEMONS, *CLIENTS) if not program(name)]
    if missing:
        return f"not installed: {', '.join(missing)} (Debian: slurm-wlm, munge)"
    return "" if os.geteuid() == 0 else "only root can make the device files of GPUs"


def program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")


@contextmanager
def running_slurm(folder: Path) -> Iterator[dict[str, str]]:
    """A Slurm until the end of the block; the value is the environment of its users."""
    command = [sys.executable, __file__, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, start_new_session=True, **pipes) as keeper:
        if keeper.stdout.readline() != b"ready\n":
            logs = [f"{log}:\n{log.read_text()}" for log in folder.glob("log/*")]
            raise RuntimeError("\n".join(["Slurm has not started", *logs]))
        yield environment_of_users(folder)
        keeper.stdin.close()


def environment_of_users(folder: Path) -> dict[str, str]:
    found = {"SLURM_CONF": f"{folder}/slurm.conf", "PATH": f"{folder}/bin:{os.environ['PATH']}"}
    return os.environ | found


def main(folder: Path) -> None:
    # Orphaned jobs become children of this process, which ends them too.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    write_files(folder)
    try:
        start_munge(folder)
        controller = start(folder, "slurmctld", "-D", "-c")
        for node in NODES:
            start(folder, "slurmd", "-D", "-N", node)
        wait_until(lambda: idle_nodes(folder) == len(NODES))
        print("ready", flush=True)
        while not select.select([sys.stdin], [], [], 0.2)[0]:
            if controller in ended_children():
                time.sleep(SECONDS_WITHOUT_CONTROLLER)
                controller = start(folder, "slurmctld", "-D")
    finally:
        while children := psutil.Process().children(recursive=True):
            for child in children:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
            psutil.wait_procs(children, timeout=5)


def start(folder: Path, name: str, *options: str) -> int:
    environment = environment_of_users(folder)
    with open(folder / "log" / f"{name}.out", "a") as log:
        output = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        return subprocess.Popen([program(name), *options], env=environment, **output).pid


def start_munge(folder: Path) -> None:
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    files = {"key": "key", "socket": "sock", "pid": "pid", "log": "log", "seed": "seed"}
    options = [
        f"--{name if name == 'socket' else name + '-file'}={folder}/munge.{suffix}"
        for name, suffix in files.items()
    ]
    start(folder, "munged", "--foreground", "--force", *options)
    wait_until((folder / "munge.sock").exists)


def ended_children() -> set[int]:
    """Children that have ended; to Slurm they would be running until they are asked for."""
    ended = set()
    with suppress(ChildProcessError):
        while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
            ended.add(pid)
    return ended


def idle_nodes(folder: Path) -> int:
    command = ["sinfo", "--noheader", "--Node", "--format=%N", "--states=idle"]
    done = subprocess.run(command, env=environment_of_users(folder), capture_output=True, text=True)
    return len(set(done.stdout.split()))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.1)


def write_files(folder: Path) -> None:
    for name in ("bin", "dev", "log", "state", *(f"spool/{node}" for node in NODES)):
        (folder / name).mkdir(parents=True)
    host = socket.gethostname().partition(".")[0]
    port, *ports = free_ports(1 + len(NODES))
    nodes, devices = [], []
    for node, port_of_node in zip(NODES, ports, strict=True):
        model, count = NODES[node]
        line = f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port_of_node}"
        gpus = f" Gres=gpu:{model}:{count}" if count else ""
        nodes.append(f"{line} CPUs=4 RealMemory=8000{gpus} State=UNKNOWN\n")
        for index in range(count):
            # Slurm reads the index of a GPU from the name of its file.
            file = folder / "dev" / f"{node}-nvidia{index}"
            os.mknod(file, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
            devices.append(f"NodeName={node} Name=gpu Type={model} File={file}\n")
    settings = SETTINGS.format(host=host, port=port, folder=folder)
    (folder / "slurm.conf").write_text("".join([settings, *nodes, PARTITIONS]))
    (folder / "gres.conf").write_text("".join(devices))
    # In a job, the executor calls srun without SLURM_CONF, but with PATH.
    for name in CLIENTS:
        client = folder / "bin" / name
        client.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {program(name)} "$@"\n')
        client.chmod(0o755)
    (folder / "env.sh").write_text(f"export PATH={folder}/bin:$PATH\n")


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [one.getsockname()[1] for one in sockets]


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
