"""The terminal output of a run: a line per job, errors of failed jobs, progress of running jobs."""

import logging
import os
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from seqloom.files.progress import last_progress

if TYPE_CHECKING:
    from snakemake.workflow import Workflow

_LOGGER = logging.getLogger("snakemake.logging")
_HIDDEN = (
    "workflow_started",
    "resources_info",
    "job_started",
    "shellcmd",
    "progress",
    "group_info",
)
_RUNNING_SHOWN = 8
_INTERVAL, _INTERVAL_IN_FILE = 30, 300  # seconds
_CLOCK_SKEW = 5  # seconds that the clock of a file server may be off


@dataclass
class Job:
    """An attempt of a job; on a cluster it starts with the submission."""

    title: str
    logs: list[str]
    local: bool = True
    started: float = field(default_factory=time.time)
    state: str = "running"
    shown: str = ""

    def progress(self) -> str:
        """The last progress in the logs of the job; empty if there is none."""
        return last_progress([line for log in self.logs for line in last_lines(log, self.started)])

    def duration(self) -> timedelta:
        return timedelta(seconds=round(time.time() - self.started))

    def reason(self, logs: list[str]) -> str:
        """The error sentence, or why Slurm stopped the job, or the last line of a log."""
        found = [lines for log in logs if (lines := last_lines(log, self.started, 1 << 16))]
        for kind in ("error: ", r"slurmstepd\S*: error: "):
            for line in (line for lines in found for line in lines[::-1]):
                if re.match(kind, line):
                    return line
        return found[0][-1] if found else "its log is empty"


class Terminal(logging.Formatter):
    """A formatter that shortens events of Snakemake and leaves all other messages unchanged."""

    def __init__(self, usual: logging.Formatter, dry_run: bool) -> None:
        super().__init__()
        self.usual, self.dry_run = usual, dry_run
        self.jobs: dict[int, Job] = {}
        self.done, self.total = 0, 0
        self.exits: dict[int | None, str] = {}  # how the last failed command ended, by thread

    def is_shown(self, record: logging.LogRecord) -> bool:
        """Whether a record is shown; the contents of hidden records are kept for later lines."""
        match getattr(record, "event", None):
            case "job_info":
                title = " ".join([record.rule_name, *record.wildcards.values()])
                self.jobs[record.jobid] = Job(title, record.log, record.local)
                return False
            case "run_info":
                known, self.total = self.total, record.stats["total"]
                return not known  # a dry run counts the jobs twice
            case "error" if "\nCalledProcessError in file" in record.getMessage():
                # It has the whole script; "job_error" follows with the rule and its log.
                self.exits[record.thread] = record.getMessage().rpartition("' ")[2].rstrip(".")
                return False
            case "job_error" if record.indent:
                return False  # "group_error" has the same
            case event:
                return event not in _HIDDEN and record.msg != "Select jobs to execute..."

    def format(self, record: logging.LogRecord) -> str:
        match getattr(record, "event", None):
            case "job_finished":
                job = self.jobs[record.job_id]
                job.state, self.done = "done", self.done + 1
                return self._line(job, f"done in {job.duration()}", job.progress())
            case "job_error":
                how = record.rule_msg or self.exits.pop(record.thread, "")
                how = how.partition("For further error details")[0]  # from the slurm executor
                return self._failure(self.jobs[record.jobid], record.log, how)
            case "group_error":
                return self._failures(record)
            case "run_info" if self.dry_run:
                return f"{self.usual.format(record)}\nWith -p: every job, its reason and command."
        text = self.usual.format(record)
        if text.startswith("Exiting because a job execution failed"):
            failed = [job for job in self.jobs.values() if job.state not in ("done", "stopped")]
            lines = [f"    {job.title}, log: {', '.join(job.logs)}" for job in failed]
            return "\n".join([f"{len(failed)} of {self.total} jobs failed:", *lines])
        # A submission of several jobs has a UUID, which may begin with the number of another job.
        return re.sub(r"^(?:Trying to restart job|Job) (\d+)\b(?!-)", self._with_title, text)

    def running(self) -> str:
        """A line for each running job that has made progress since the last call."""
        lines = []
        for job in filter(lambda job: job.state == "running", list(self.jobs.values())):
            # When a job on a cluster begins is unknown.
            news = job.progress() or ("running" if job.local else "")
            if news not in ("", job.shown):
                job.shown = news
                lines.append(self._line(job, news))
        more = len(lines) - _RUNNING_SHOWN
        return "\n".join(lines[:_RUNNING_SHOWN] + [f"    and {more} more"] * (more > 0))

    def _line(self, job: Job, *what: str) -> str:
        now = time.strftime("%H:%M:%S")
        return f"[{now}] {self.done}/{self.total} {job.title}: {', '.join(filter(None, what))}"

    def _failure(self, job: Job, logs: list[str], how: str) -> str:
        job.state = "failed"
        line = self._line(job, f"failed after {job.duration()}", how)
        return f"{line}\n    {job.reason(logs)}\n    log: {', '.join(logs)}"

    def _failures(self, record: logging.LogRecord) -> str:
        """The jobs of a submission with an error, or all if none has one."""
        jobs = [(self.jobs[info["jobid"]], info["log"]) for info in record.job_error_info]
        for job, _ in jobs:
            job.state = "stopped"
        failed = [(job, logs) for job, logs in jobs if job.reason(logs).startswith("error: ")]
        texts = [self._failure(job, logs + record.aux_logs, "") for job, logs in failed or jobs]
        return "\n".join(texts)

    def _with_title(self, match: re.Match[str]) -> str:
        job = self.jobs.get(int(match[1]))
        return f"{match[0]} ({job.title})" if job else match[0]


def last_lines(log: str, since: float, size: int = 4096) -> list[str]:
    """The last lines of a log; none if an earlier run, before `since`, wrote it."""
    try:
        with open(log, "rb") as file:
            status = os.fstat(file.fileno())
            if status.st_mtime < since - _CLOCK_SKEW:
                return []
            file.seek(max(0, status.st_size - size))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:  # it does not exist yet, or no longer
        return []
    return [line for line in lines if line.strip()]


def shorten_output(workflow: "Workflow") -> None:
    """Shorten the terminal output, except in jobs on a cluster or if the user asks for more."""
    settings = workflow.output_settings
    asked = settings.quiet or settings.printshellcmds or settings.verbose or settings.debug_dag
    handlers = [h for h in _LOGGER.handlers if h.name == "DefaultStreamHandler"]
    if asked or not workflow.is_main_process or not handlers:
        return
    [handler] = handlers
    terminal = Terminal(handler.formatter, settings.dryrun)
    handler.addFilter(terminal.is_shown)
    handler.setFormatter(terminal)
    interval = _INTERVAL if handler.stream.isatty() else _INTERVAL_IN_FILE
    threading.Thread(target=_watch, args=(terminal, interval), daemon=True).start()


def _watch(terminal: Terminal, interval: float) -> None:
    while True:
        time.sleep(interval)
        if lines := terminal.running():
            _LOGGER.info(lines)
