"""The estimate at the end of a dry run: its jobs, as Snakemake lists them, in numbers."""

import logging
import shutil
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from seqloom.config.paths import PLAN
from seqloom.config.settings import Settings
from seqloom.config.work import Work, read_devices
from seqloom.files.json_files import read_json
from seqloom.machine.estimate import Estimator, Job
from seqloom.machine.schedule import Site
from seqloom.report.estimate_text import estimate_text

if TYPE_CHECKING:
    from snakemake.workflow import Workflow

_LOGGER = logging.getLogger("snakemake.logging")


def estimate_dry_run(workflow: "Workflow", settings: Settings) -> None:
    """Let a dry run end with an estimate of what its jobs will take."""
    if workflow.output_settings.dryrun and workflow.is_main_process:
        _LOGGER.addHandler(DryRun(workflow, settings))


class DryRun(logging.Handler):
    """Collects the jobs that Snakemake lists and logs the estimate after the last of them."""

    def __init__(self, workflow: "Workflow", settings: Settings) -> None:
        super().__init__()
        self.workflow, self.settings = workflow, settings
        self.jobs: list[Job] = []
        self.submissions = count()
        self.submission = 0
        self.is_listed = False

    def emit(self, record: logging.LogRecord) -> None:
        match getattr(record, "event", None):
            case "group_info":
                self.submission = next(self.submissions)
            case "job_info" if record.output:  # a target has none
                if not record.indent:
                    self.submission = next(self.submissions)
                self.jobs.append(_job(record, self.submission))
            case "run_info":
                # Snakemake counts the jobs before and after it lists them.
                if self.is_listed and self.jobs:
                    _LOGGER.info(self.text())
                self.is_listed = True

    def text(self) -> str:
        work = Work(self.settings, _planned_frames(self.settings))
        estimator = Estimator(work, read_devices(), self.jobs, self.site())
        return estimate_text(estimator, shutil.disk_usage(".").free)

    def site(self) -> Site:
        """GPUs are resources named like a device; without them each `gpu_model`, without limit."""
        limits = self.workflow.resource_settings
        given = {name: limit.value for name, limit in self.workflow.global_resources.items()}
        gpus = {name: given[name] for name in read_devices() if name in given}
        models = {job.resources.get("gpu_model") for job in self.jobs if job.needs_gpu}
        for model in sorted(models & read_devices().keys()):
            gpus.setdefault(model, limits.nodes or limits.cores)
        return Site(gpus, limits.cores, limits.nodes)


def _job(record: logging.LogRecord, submission: int) -> Job:
    return Job(
        record.rule_name,
        record.wildcards,
        record.input,
        record.output,
        submission,
        record.threads,
        dict(record.resources.items()),
    )


def _planned_frames(settings: Settings) -> dict[tuple[str, str], int]:
    """The frames by cut and sample that `plan` has counted already."""
    found = {}
    for cut, sample in settings.cuts_and_samples():
        try:
            card = read_json(Path(PLAN["card"].format(cut=cut, sample=sample)))
        except FileNotFoundError:  # also if another run has just removed it
            continue
        found[cut, sample] = card["kept_frames"]
    return found
