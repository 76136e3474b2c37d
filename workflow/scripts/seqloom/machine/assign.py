"""Which kind of GPU takes how many jobs, so that unlike GPUs end together: an integer program."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulp

# The solver stops when it is this close to the optimum, or after so many seconds of the processor.
TOLERANCE = 0.0005
TIME_LIMIT = 2
# What it may cost to keep the jobs of a model together, as a part of the whole time.
_TOGETHER = 0.01


@dataclass(frozen=True)
class JobClass:
    """Equal jobs of a model: how many, and their seconds on each kind of GPU that can take them."""

    name: str
    count: int
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Assignment:
    """Jobs of each class by kind, the time they take, and a time that nothing can beat."""

    counts: Sequence[Mapping[str, int]]
    seconds: float
    bound: float


def assign(classes: Sequence[JobClass], gpus: Mapping[str, int]) -> Assignment:
    """Minimize the time until the last GPU is done.

    The program has a number per class and kind, however many jobs there are, and lets the GPUs of
    a kind share its work evenly; without whole numbers that is the bound. Then each kind deals out
    its jobs, the longest first, so that nothing ends later than the even share and one job.
    """
    _, bound = _solved(classes, gpus, whole=False)
    longest = max(min(job.seconds.values()) for job in classes)
    counts, _ = _solved(classes, gpus, whole=True)
    return Assignment(counts, _dealt_out(classes, counts, gpus), max(bound, longest))


def _solved(
    classes: Sequence[JobClass], gpus: Mapping[str, int], whole: bool
) -> tuple[list[dict[str, int]], float]:
    """Jobs by class and kind, and the even share of the kind that has most to do."""
    problem = pulp.LpProblem("assign", pulp.LpMinimize)
    # Times count in this unit: all jobs on their fastest kind, shared by all GPUs.
    unit = sum(job.count * min(job.seconds.values()) for job in classes) / sum(gpus.values())
    last = problem.add_variable("last", lowBound=0)
    category = "Integer" if whole else "Continuous"
    counts = [
        {
            kind: problem.add_variable(f"count_{number}_{kind}", 0, job.count, cat=category)
            for kind in job.seconds
        }
        for number, job in enumerate(classes)
    ]
    for job, count in zip(classes, counts, strict=True):
        problem += pulp.lpSum(count.values()) == job.count
    for kind, number in gpus.items():
        work = pulp.lpSum(
            job.seconds[kind] / unit * count[kind]
            for job, count in zip(classes, counts, strict=True)
            if kind in count
        )
        problem += work <= number * last
    if whole:
        problem += last + _TOGETHER * _separated(problem, classes, counts, last, unit)
    else:
        problem += last
    limits = {"gapRel": TOLERANCE, "timeLimit": TIME_LIMIT, "timeMode": "cpu"}
    problem.solve(pulp.PULP_CBC_CMD(msg=False, threads=1, **limits))
    found = [
        {kind: round(variable.value()) for kind, variable in count.items()} for count in counts
    ]
    return found, last.value() * unit


def _separated(
    problem: pulp.LpProblem,
    classes: Sequence[JobClass],
    counts: Sequence[Mapping[str, pulp.LpVariable]],
    last: pulp.LpVariable,
    unit: float,
) -> pulp.LpAffineExpression:
    """How many of all pairs of a model and a kind have jobs; no job takes longer than the whole."""
    pairs: dict[tuple[str, str], pulp.LpVariable] = {}
    for number, (job, count) in enumerate(zip(classes, counts, strict=True)):
        for kind, variable in count.items():
            used = problem.add_variable(f"used_{number}_{kind}", cat="Binary")
            problem += variable <= job.count * used
            problem += job.seconds[kind] / unit * used <= last
            if (job.name, kind) not in pairs:
                pairs[job.name, kind] = problem.add_variable(f"pair_{len(pairs)}", 0, 1)
            problem += used <= pairs[job.name, kind]
    return pulp.lpSum(pairs.values()) / len(pairs)


def _dealt_out(
    classes: Sequence[JobClass], counts: Sequence[Mapping[str, int]], gpus: Mapping[str, int]
) -> float:
    """The end of the last GPU, if each takes the longest job that is left for its kind."""
    ends = [0.0]
    for kind, number in gpus.items():
        loads = [0.0] * number
        own = [
            (job.seconds[kind], n[kind])
            for job, n in zip(classes, counts, strict=True)
            if n.get(kind)
        ]
        for seconds, count in sorted(own, reverse=True):
            for _ in range(count):
                heapq.heapreplace(loads, loads[0] + seconds)
        ends.append(max(loads))
    return max(ends)
