"""What the jobs of a dry run will take on a site, from rates and arithmetic."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seqloom.config.work import CASES, CPU, EXPECTED, Device, Work
from seqloom.machine.schedule import Schedule, Site, Task, schedule

# By CASES. Slurm is asked for news every 40 s, and less often, up to 180 s, while there are none.
_NOTICE = (90, 30, 20)
_TO_SUBMIT = 5  # seconds that a submitted job takes before and after its work
# These run where Snakemake does, also on a cluster.
_LOCAL = ("fetch_model", "download")


@dataclass(frozen=True)
class Job:
    """A job of a dry run; `submission` is shared by jobs that are submitted together."""

    rule: str
    wildcards: Mapping[str, str]
    inputs: Sequence[str]
    outputs: Sequence[str]
    submission: int
    threads: int = 1
    resources: Mapping[str, Any] = field(default_factory=dict)

    @property
    def needs_gpu(self) -> bool:
        return bool(self.resources.get("gpu"))


@dataclass(frozen=True)
class Estimate:
    """The seconds of a run by CASES, and for each job its device, seconds there and bytes."""

    run: Sequence[float]
    devices: Sequence[str]
    seconds: Sequence[float]
    written: Sequence[float]


class Estimator:
    """Prices jobs; `gpus` are the kinds of a site and how many there are."""

    def __init__(
        self, work: Work, devices: Mapping[str, Device], jobs: Sequence[Job], site: Site
    ) -> None:
        self.work, self.devices, self.jobs, self.site = work, devices, jobs, site
        self.submissions = _numbered([job.submission for job in jobs])

    def estimate(self) -> Estimate:
        plans = [self.schedule(case) for case in range(len(CASES))]
        devices = [plans[EXPECTED].devices[number] for number in self.submissions]
        return Estimate(
            [plan.seconds for plan in plans],
            devices,
            [self.seconds(job, name) for job, name in zip(self.jobs, devices, strict=True)],
            [self.work.bytes_written(job.rule, job.wildcards) for job in self.jobs],
        )

    def schedule(self, case: int) -> Schedule:
        notice = 0 if self.site.jobs is None else _NOTICE[case]
        return schedule(self.tasks(case), self.site, notice)

    def kinds(self, job: Job) -> list[str]:
        """The devices that a job may take: of GPUs its `gpu_model`, or any with enough memory."""
        if not (job.needs_gpu and self.site.gpus):
            return [CPU]
        model = job.resources.get("gpu_model")
        return [model] if model in self.site.gpus else self.large_enough(job)

    def large_enough(self, job: Job) -> list[str]:
        """The kinds of GPUs with enough memory; the largest, if none has."""
        memory = {kind: self.devices[kind].memory_gb for kind in self.site.gpus}
        needed = 0.0
        if "backend" in job.wildcards:
            needed = self.work.gpu_memory_gb(job.wildcards["backend"])
        return [k for k in memory if memory[k] >= needed] or [max(memory, key=memory.__getitem__)]

    def seconds(self, job: Job, device: str, case: int = EXPECTED) -> float:
        cores = job.threads
        return self.work.seconds(job.rule, job.wildcards, self.devices[device], case, cores)

    def tasks(self, case: int) -> list[Task]:
        """A task for each submission, whose jobs run one after the other."""
        makers = {
            path: task
            for job, task in zip(self.jobs, self.submissions, strict=True)
            for path in job.outputs
        }
        members = defaultdict(list)
        for job, task in zip(self.jobs, self.submissions, strict=True):
            members[task].append(job)
        return [self._task(number, members[number], makers, case) for number in sorted(members)]

    def _task(self, number: int, jobs: Sequence[Job], makers: Mapping[str, int], case: int) -> Task:
        needs = {makers[path] for job in jobs for path in job.inputs if path in makers}
        is_local = jobs[0].rule in _LOCAL
        start = 0 if is_local or self.site.jobs is None else _TO_SUBMIT
        kinds = self.kinds(jobs[0])
        return Task(
            {kind: start + sum(self.seconds(job, kind, case) for job in jobs) for kind in kinds},
            sorted(needs - {number}),
            max(job.threads for job in jobs),
            is_local,
        )


def _numbered(names: Sequence[int]) -> list[int]:
    """The names as numbers from 0 on, in the order of their first appearance."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(name, len(numbers)) for name in names]
