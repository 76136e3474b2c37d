"""Runs that are killed at random moments, and what became of their jobs."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random

from projects import Project

VICTIMS = ("a job", "Snakemake", "everything")
GPUS = ("a", "b")  # leases without devices
# In the environment of all processes of a run, by which those are found that lost their parent.
MARK = "SEQLOOM_TEST_RUN"


class Campaign:
    """A project that is run and killed again and again.

    The time from a start to its kill is random, up to `longest` seconds of processors: a busy
    machine gets as far as a quiet one.
    """

    def __init__(self, project: Project, target: str, seed: int, longest: float) -> None:
        self.project, self.target = project, target
        self.random, self.longest = Random(seed), longest
        self.leases = project.folder.parent / "leases"
        self.counts, self.runs = Counter[str](), 0
        self.known: set[str] = set()  # the outputs of each job that was started

    def start(self, output: Path) -> subprocess.Popen:
        environment = {"SEQLOOM_GPUS": ",".join(GPUS), "SEQLOOM_LEASES": str(self.leases)}
        with open(output, "wb") as out:
            return subprocess.Popen(
                self.project.command(self.target),
                cwd=self.project.folder,
                env=os.environ | environment | {MARK: str(self.project.folder)},
                start_new_session=True,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def processes(self) -> dict[int, str]:
        """The command lines of all living processes of this project's runs."""
        found, mark = {}, f"{MARK}={self.project.folder}\0".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended, or is not ours
                if mark in (folder / "environ").read_bytes():
                    words = (folder / "cmdline").read_bytes()
                    found[int(folder.name)] = words.replace(b"\0", b" ").decode()
        return found

    def seconds(self, run: subprocess.Popen) -> float:
        """What a run and its jobs have used of the processors."""
        ticks = 0
        for pid in self.processes():
            with suppress(OSError):
                # From the third on, those after the name, which may have spaces.
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
                if int(fields[3]) == run.pid:  # the session
                    ticks += sum(map(int, fields[11:15]))  # children that have ended included
        return ticks / os.sysconf("SC_CLK_TCK")

    def killed(self) -> str:
        """Kill a victim at a random moment of a run, and return what the run has printed.

        A run that ends before is repeated, from the beginning.
        """
        while True:
            self.runs += 1
            output = self.project.folder.parent / f"output-{self.runs}.txt"
            run = self.start(output)
            moment, victim = self.random.uniform(0, self.longest), self.random.choice(VICTIMS)
            while run.poll() is None and self.seconds(run) < moment:
                time.sleep(0.05)
            if is_killed := run.poll() is None:
                self.kill(victim, run)
            run.wait()
            self.read_logs()
            if is_killed:
                return output.read_text()
            assert run.returncode == 0, output.read_text()
            shutil.rmtree(self.project.folder / "results")
            self.known.clear()

    def kill(self, victim: str, run: subprocess.Popen) -> None:
        others = self.processes()
        others.pop(run.pid, None)
        if victim == "a job" and not others:
            victim = "Snakemake"
        self.counts[f"kills of {victim.lower()}"] += 1
        scripts = [line for line in others.values() if re.match(r"\S*python\S* \S*/scripts/", line)]
        self.counts["jobs hit"] += 1 if victim == "a job" else len(scripts)
        if victim == "a job":
            send_kill(self.random.choice(sorted(others)))
        elif victim == "Snakemake":
            run.kill()
        else:
            os.killpg(run.pid, signal.SIGKILL)
            while left := self.processes():  # those of earlier runs, or just born
                for pid in left:
                    send_kill(pid)

    def read_logs(self) -> None:
        """Count the jobs that the last run started, and the embeddings that it continued."""
        logs = self.project.folder / ".snakemake/log"
        for log in logs.glob("*.log"):
            for outputs in re.findall(r"^    output: (.+)$", log.read_text(), re.MULTILINE):
                self.counts["jobs started again"] += outputs in self.known
                self.known.add(outputs)
            log.unlink()
        for log in (self.project.folder / "logs/embed").rglob("*.log"):
            if "going on after" in log.read_text():
                self.counts["embeddings continued"] += 1
                log.unlink()


def send_kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        time.sleep(0.01)
