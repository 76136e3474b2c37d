"""How GPUs of several kinds share the embedding best, and what a profile must say for it."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from seqloom.machine.assign import JobClass, assign
from seqloom.machine.estimate import Estimator, Job
from seqloom.machine.schedule import Site, Task, schedule


@dataclass(frozen=True)
class Sharing:
    """Seconds that embedding takes as the profile has it, as assigned best, and at the least.

    `pins` are the backends of which one kind takes all jobs, and `pinned` the seconds if the
    profile says so and the other jobs take what is free.
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
    classes = [
        JobClass(name, count, dict(seconds))
        for (name, seconds), count in Counter(_class(estimator, job) for job in jobs).items()
    ]
    found = assign(classes, gpus)
    counts: dict[str, dict[str, int]] = defaultdict(Counter)
    for job_class, count in zip(classes, found.counts, strict=True):
        counts[job_class.name].update({kind: number for kind, number in count.items() if number})
    pins = {name: next(iter(kinds)) for name, kinds in counts.items() if len(kinds) == 1}

    def as_free(kinds_of: dict[str, list[str]]) -> float:
        """The end, if each job takes what becomes free of its kinds."""
        tasks = [
            Task(
                {kind: estimator.seconds(job, kind) for kind in kinds_of[job.wildcards["backend"]]}
            )
            for job in jobs
        ]
        return schedule(tasks, Site(gpus, cores=sum(gpus.values()))).seconds

    given = {job.wildcards["backend"]: estimator.kinds(job) for job in jobs}
    free = {job.wildcards["backend"]: estimator.large_enough(job) for job in jobs}
    pinned = {name: [pins[name]] if name in pins else kinds for name, kinds in free.items()}
    return Sharing(as_free(given), found.seconds, found.bound, counts, pins, as_free(pinned))


def _class(estimator: Estimator, job: Job) -> tuple[str, tuple[tuple[str, float], ...]]:
    """What equal jobs have in common: the backend, and seconds by kind."""
    kinds = estimator.large_enough(job)
    seconds = tuple((kind, round(estimator.seconds(job, kind))) for kind in kinds)
    return job.wildcards["backend"], seconds
