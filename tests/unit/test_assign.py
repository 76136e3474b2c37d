"""How jobs are shared among unlike GPUs, against all ways there are and against greedy rules."""

import random
from itertools import combinations_with_replacement, product

import pytest

from seqloom.machine.assign import JobClass, assign

GPUS = {"a6000": 2, "gb10": 1}


def classes_of(seed: int) -> list[JobClass]:
    """Three models of one to three jobs; the second kind is slower, by a factor for each."""
    numbers = random.Random(seed)
    classes = []
    for name in "xyz":
        seconds = numbers.randint(1, 20)
        slower = seconds * numbers.choice([1.5, 2, 3])
        times = {"a6000": seconds, "gb10": slower}
        classes.append(JobClass(name, numbers.randint(1, 3), times))
    return classes


def shortest(classes: list[JobClass]) -> float:
    """The end of the last GPU in the best of all ways to hand out the jobs."""
    gpus = [kind for kind, number in GPUS.items() for _ in range(number)]
    ways = [list(combinations_with_replacement(range(len(gpus)), job.count)) for job in classes]
    best = float("inf")
    for way in product(*ways):
        loads = [0.0] * len(gpus)
        for job, places in zip(classes, way, strict=True):
            for place in places:
                loads[place] += job.seconds[gpus[place]]
        best = min(best, max(loads))
    return best


def longest_first(classes: list[JobClass]) -> float:
    """The end of the last GPU if each job, from the longest on, goes where it ends first."""
    gpus = [kind for kind, number in GPUS.items() for _ in range(number)]
    loads = [0.0] * len(gpus)
    for job in sorted(classes, key=lambda job: -job.seconds["a6000"]):
        for _ in range(job.count):
            ends = [load + job.seconds[kind] for load, kind in zip(loads, gpus, strict=True)]
            loads[ends.index(min(ends))] = min(ends)
    return max(loads)


def test_no_way_to_share_is_faster_than_the_bound_and_few_are_faster_than_the_assignment():
    found, best, greedy = 0.0, 0.0, 0.0
    for seed in range(30):
        classes = classes_of(seed)
        assignment, optimum = assign(classes, GPUS), shortest(classes)
        assert assignment.bound <= optimum + 1e-6
        assert optimum <= assignment.seconds + 1e-6
        longest = max(max(job.seconds.values()) for job in classes)
        assert assignment.seconds <= assignment.bound + longest
        found, best = found + assignment.seconds, best + optimum
        greedy += longest_first(classes)
    print(f"assigned {found / best - 1:.1%}, longest first {greedy / best - 1:.1%} above the best")
    assert found < 1.05 * best


def test_a_hundred_thousand_jobs_are_shared_within_a_stated_gap():
    """The gap between the time and the bound is what a better sharing could gain at most."""
    numbers = random.Random(1)
    classes = []
    for i in range(24):
        seconds = numbers.uniform(60, 2000)
        times = {"a6000": seconds, "gb10": seconds * numbers.uniform(1.7, 2.5)}
        classes.append(JobClass(f"model {i % 6}", 4200, times))
    found = assign(classes, {"a6000": 40, "gb10": 20})
    assert sum(sum(count.values()) for count in found.counts) == 24 * 4200 > 100_000
    assert found.bound <= found.seconds < 1.005 * found.bound


def test_jobs_that_need_more_memory_go_where_it_is():
    large = JobClass("large", 3, {"gb10": 10})
    small = JobClass("small", 8, {"a6000": 5, "gb10": 10})
    found = assign([large, small], {"a6000": 2, "gb10": 1})
    assert found.counts == [{"gb10": 3}, {"a6000": 8, "gb10": 0}]
    assert found.seconds == 30


def test_jobs_of_a_model_stay_together_where_that_costs_nothing():
    classes = [JobClass(name, 100, {"a6000": 10, "gb10": 20}) for name in "xyz"]
    found = assign(classes, {"a6000": 4, "gb10": 4})
    assert sorted(sorted(count.values()) for count in found.counts) == [
        [0, 100],
        [0, 100],
        [0, 100],
    ]
    assert found.seconds == 500


@pytest.mark.parametrize("gpus", [{"a6000": 1, "gb10": 1}, {"a6000": 3, "gb10": 9}])
def test_one_job_takes_the_faster_gpu(gpus):
    found = assign([JobClass("x", 1, {"a6000": 10, "gb10": 20})], gpus)
    assert (found.seconds, found.bound) == (10, 10)
