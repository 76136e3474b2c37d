"""docs/first_cluster_run.md, word by word, on a real Slurm on which everything goes wrong that can."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import REPOSITORY, Project, job_counts
from local_slurm import running_slurm, why_not

PAGE = REPOSITORY / "docs/first_cluster_run.md"
# What the user of the page types into the editor. The profile is that of a site without accounts and
# accounting, and Snakemake asks more often than it would.
EDITOR = """\
#!/bin/sh
cat >> "$1" << END
slurm-no-account: true
slurm-status-command: squeue
slurm-init-seconds-before-status-checks: 1
seconds-between-status-checks: 2
END
sed -i 's/^latency-wait: .*/latency-wait: 10/' "$1"
"""


def commands_of_the_page() -> list[str]:
    return re.findall(r"^    (.+)$", PAGE.read_text(), re.MULTILINE)


class Site:
    """A project on the disk of a cluster."""

    def __init__(self, project: Project, environment: dict[str, str]) -> None:
        self.folder, self.environment = project.folder, environment
        self.faults = project.folder / "faults"
        for name in ("taken", "waiting", "devices", "shared"):
            (self.faults / name).mkdir(parents=True)
        # The demo of the page is the smaller one of the tests.
        shutil.copy(self.folder / "config.yaml", self.folder / "config/demo.yaml")
        (self.folder / "editor").write_text(EDITOR)
        (self.folder / "editor").chmod(0o755)
        scripts = project.folder / "workflow/scripts"
        (scripts / "embed.py").rename(scripts / "embed_itself.py")
        shutil.copy(Path(__file__).with_name("embed_with_faults.py"), scripts / "embed.py")

    def shell(self, command: str) -> str:
        done = subprocess.run(["bash", "-c", command], **self._options())
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    @contextmanager
    def started(self, command: str) -> Iterator["Run"]:
        # Snakemake goes with the test, however that ends.
        words = ["setpriv", "--pdeathsig", "KILL", *command.split()]
        with open(self.folder / "output", "w") as output:
            process = subprocess.Popen(words, **self._options() | {"stdout": output})
        try:
            yield Run(process, self.folder / "output")
        finally:
            process.kill()
            process.wait()

    def _options(self) -> dict:
        # What `activate` does, and an editor.
        path = f"{Path(sys.executable).parent}:{self.environment['PATH']}"
        environment = self.environment | {"PATH": path, "SEQLOOM_GPUS": "0,1", "EDITOR": "./editor"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return {"cwd": self.folder, "env": environment, **pipes}

    def set_faults(self, *names: str) -> None:
        for number, name in enumerate(names):
            (self.faults / f"{number}-{name}").touch()

    def go_on(self, fault: str) -> None:
        (self.faults / "waiting" / fault).unlink()

    def devices_in_use(self) -> list[str]:
        return [file.name for file in (self.faults / "devices").iterdir() if is_locked(file)]

    def jobs(self) -> list[dict[str, str]]:
        """What Slurm knows of each submission."""
        blocks = self.shell("scontrol show job").split("\n\n")
        return [dict(re.findall(r"(\S+?)=(\S*)", block)) for block in blocks if block.strip()]


def is_locked(file: Path) -> bool:
    with open(file) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


class Run:
    """A run of Snakemake and what it has said so far."""

    def __init__(self, process: subprocess.Popen, output: Path) -> None:
        self.process, self.file = process, output

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 600
        while not condition():
            running = self.process.poll() is None
            assert running and time.monotonic() < deadline, self.output()
            time.sleep(0.2)

    def wait_for_job(self, fault: str) -> str:
        """The number of the job that has embedded its first rows and waits for what comes."""
        file = self.file.parent / "faults/waiting" / fault
        self.wait_until(lambda: file.exists() and file.read_text())
        return file.read_text()

    def output(self) -> str:
        return self.file.read_text()

    def end(self) -> int:
        return self.process.wait()


def kill_controller(site: Site) -> None:
    """kill -9 of slurmctld; it is started again some seconds later."""
    [line] = [x for x in site.shell("scontrol show config").splitlines() if "SlurmctldPidFile" in x]
    pid_file = Path(line.split()[-1])
    pid = int(pid_file.read_text())
    os.kill(pid, signal.SIGKILL)
    while int(pid_file.read_text()) == pid:
        time.sleep(0.2)


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment that leads to a Slurm; without one tests are skipped, or fail where they are required."""
    if reason := why_not():
        required = os.environ.get("SEQLOOM_CLUSTER_TESTS") == "required"
        (pytest.fail if required else pytest.skip)(reason)
    with running_slurm(tmp_path_factory.mktemp("slurm") / "slurm") as environment:
        yield environment


def test_the_first_run_of_the_page_with_every_fault(fresh, finished, slurm):
    site = Site(fresh, slurm)
    activate, sinfo, copy, edit, plan, run, squeue, tail, left, logs, used = commands_of_the_page()
    assert activate == "source .venv/bin/activate"
    assert "a6000" in site.shell(sinfo)
    site.shell(copy)
    site.shell(edit)
    assert job_counts(site.shell(plan))["embed_shard"] == 8

    site.set_faults("wait")
    with site.started(run) as snakemake:
        job = snakemake.wait_for_job("wait")
        assert re.search(rf"^{job} RUNNING gpu None rule_embed_shard", site.shell(squeue), re.M)
        assert "self-test" in site.shell(tail)
        snakemake.process.send_signal(signal.SIGINT)
        assert snakemake.end() != 0
    assert len(site.shell(left).splitlines()) == 1

    site.set_faults("fail", "memory", "preempt-a", "preempt-b", "cancel", "controller", "down")
    with site.started(run) as snakemake:
        [snakemake.wait_for_job(f"preempt-{name}") for name in "ab"]
        assert sorted(site.devices_in_use()) == ["a6000-01-0", "a6000-01-1"]
        site.shell("sbatch --wait --partition urgent --gpus=2 --wrap true")
        canceled = snakemake.wait_for_job("cancel")
        site.shell(f"scancel {canceled}")
        snakemake.wait_for_job("controller")
        kill_controller(site)
        site.go_on("controller")
        snakemake.wait_for_job("down")
        site.shell("scontrol update nodename=a6000-01 state=down reason=test")
        time.sleep(8)
        site.shell("scontrol update nodename=a6000-01 state=resume")
        assert snakemake.end() == 0, snakemake.output()
    print(snakemake.output())
    print(site.shell("scontrol show job"))
    print(site.shell(logs), site.shell(used))
