"""How GPUs of several kinds share the embedding best, and what a profile must say for it."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from seqloom.machine.assign import JobClass, assign
from seqloom.machine.estimate import Estimator, Job
from seqloom.machine.schedule import Site, Task, schedule

# Times up to this factor apart count as equal, so that thousands of samples are a few classes.
_ALIKE = 1.25
# A backend with such a part of its jobs on one kind may be on it altogether; both are tried.
_PARTS = (1, 0.8)


@dataclass(frozen=True)
class Sharing:
    """Seconds that embedding takes as the profile has it, as assigned best, and at the least.

    `pins` are the backends of which one kind takes most jobs, and `pinned` the seconds if the
    profile gives it all of them and the other jobs take what is free.
    """

    given: float
    best: float
    bound: float
    counts: dict[str, dict[str, int]]  # jobs by backend and kind
    pins: dict[str, str]
    pinned: float


def best_sharing(estimator: Estimator) -> Sharing | None:
    """None where there is nothing to share: one kind, or no embedding."""
    gpus = estimator.site.gpus
    jobs = [job for job in estimator.jobs if job.needs_gpu and "backend" in job.wildcards]
    if len(gpus) < 2 or not jobs:
        return None
    classes = _classes(estimator, jobs)
    found = assign(classes, gpus)
    counts: dict[str, dict[str, int]] = defaultdict(Counter)
    for job_class, count in zip(classes, found.counts, strict=True):
        counts[job_class.name].update({kind: number for kind, number in count.items() if number})

    def as_free(kinds_of: dict[str, list[str]]) -> float:
        """The end, if each job takes what becomes free of its kinds."""
        tasks = [
            Task(
                {kind: estimator.seconds(job, kind) for kind in kinds_of[job.wildcards["backend"]]}
            )
            for job in jobs
        ]
        return schedule(tasks, Site(gpus, cores=sum(gpus.values()))).seconds

    def as_pinned(pins: dict[str, str]) -> float:
        return as_free({name: [pins[name]] if name in pins else free[name] for name in free})

    given = {job.wildcards["backend"]: estimator.kinds(job) for job in jobs}
    free = {job.wildcards["backend"]: estimator.large_enough(job) for job in jobs}
    pins = min((_pins(counts, part) for part in _PARTS), key=as_pinned)
    return Sharing(as_free(given), found.seconds, found.bound, counts, pins, as_pinned(pins))


def _pins(counts: Mapping[str, Mapping[str, int]], part: float) -> dict[str, str]:
    """The kind with at least this part of the jobs, for each backend that has one."""
    return {
        name: kind
        for name, kinds in counts.items()
        for kind, number in kinds.items()
        if number >= part * sum(kinds.values())
    }


def _classes(estimator: Estimator, jobs: Sequence[Job]) -> list[JobClass]:
    """Jobs of a backend that take about the same count as equal, each as long as their mean."""
    members: dict[tuple, list[dict[str, float]]] = defaultdict(list)
    for job in jobs:
        seconds = {kind: estimator.seconds(job, kind) for kind in estimator.large_enough(job)}
        size = round(math.log(min(seconds.values()), _ALIKE))
        members[job.wildcards["backend"], size].append(seconds)
    return [
        JobClass(name, len(times), {kind: fmean(time[kind] for time in times) for kind in times[0]})
        for (name, _), times in members.items()
    ]
