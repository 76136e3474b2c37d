"""Runs that are killed at random moments, and what became of their jobs."""

import os
import re
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random

from projects import Project

VICTIMS = ("a job", "Snakemake", "everything")
LONGEST = (
    16.0  # seconds from a start to its kill, of processors, so that a busy machine gets as far
)
GPUS = ("a", "b")  # leases without devices
# In the environment of all processes of a run, by which those are found that lost their parent.
MARK = "SEQLOOM_TEST_RUN"


class Campaign:
    """A project that is run and killed again and again."""

    def __init__(self, project: Project, seed: int) -> None:
        self.project, self.random = project, Random(seed)
        self.leases = project.folder.parent / "leases"
        # No process has as much in its environment by chance.
        self.mark = f"{project.folder}:{seed}"
        self.counts, self.rounds = Counter[str](), 0
        self.started: list[str] = []  # the outputs of each job, whenever it is started

    def start(self, output: Path, *targets: str) -> subprocess.Popen:
        environment = {"SEQLOOM_GPUS": ",".join(GPUS), "SEQLOOM_LEASES": str(self.leases)}
        with open(output, "wb") as out:
            return subprocess.Popen(
                self.project.command(*targets),
                cwd=self.project.folder,
                env=os.environ | environment | {MARK: self.mark},
                start_new_session=True,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def processes(self) -> dict[int, str]:
        """The command lines of all living processes of this project's runs."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended, or is not ours
                if f"{MARK}={self.mark}\0".encode() in (folder / "environ").read_bytes():
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

    def killed(self, *targets: str) -> str:
        """Start a run, kill a victim at a random moment, and return what the run has printed."""
        self.rounds += 1
        output = self.project.folder.parent / f"output-{self.rounds}.txt"
        run = self.start(output, *targets)
        moment, victim = self.random.uniform(0, LONGEST), self.random.choice(VICTIMS)
        while run.poll() is None and self.seconds(run) < moment:
            time.sleep(0.05)
        if run.poll() is None:
            self.kill(victim, run)
        run.wait()
        self.read_logs()
        return output.read_text()

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
            self.started += re.findall(r"^    output: (.+)$", log.read_text(), re.MULTILINE)
            log.unlink()
        for log in (self.project.folder / "logs/embed").rglob("*.log"):
            if "going on after" in log.read_text():
                self.counts["embeddings continued"] += 1
                log.unlink()

    def report(self) -> dict[str, int]:
        counts = Counter(self.started)
        again = sum(counts.values()) - len(counts)
        return dict(sorted(self.counts.items())) | {"jobs": len(counts), "started again": again}


def send_kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        time.sleep(0.01)
