"""When jobs end on a site, by hand and against a simulated cluster."""

import random
from statistics import mean

import pytest
from simulated_cluster import SimulatedCluster

from seqloom.machine.schedule import Site, Task, schedule


def cpu(seconds: float, *needs: int, threads: int = 1) -> Task:
    return Task({"cpu": seconds}, needs, threads)


def gpu(needs: tuple[int, ...] = (), **seconds: float) -> Task:
    return Task(seconds, needs)


def test_a_task_waits_for_what_it_needs():
    assert schedule([cpu(3), cpu(4, 0), cpu(5)], Site({}, cores=2)).seconds == 7


def test_tasks_wait_for_cores():
    tasks = [cpu(10, threads=2), cpu(10, threads=2), cpu(10)]
    assert schedule(tasks, Site({}, cores=4)).seconds == 20
    assert schedule(tasks, Site({}, cores=5)).seconds == 10
    assert schedule([cpu(10, threads=8)], Site({}, cores=2)).seconds == 10, "fewer have to do"


def test_each_gpu_has_one_task_and_the_fastest_is_taken_first():
    tasks = [gpu(a=10, b=25) for _ in range(3)]
    plan = schedule(tasks, Site({"a": 1, "b": 1}, cores=8))
    assert plan.devices == ["a", "b", "a"]
    assert plan.seconds == 25
    assert schedule([gpu(a=10)] * 3, Site({"a": 1, "b": 1}, cores=8)).seconds == 30


def test_a_gpu_task_holds_cores_on_one_machine_only():
    tasks = [gpu(a=10), gpu(a=10)]
    assert schedule(tasks, Site({"a": 2}, cores=1)).seconds == 20
    assert schedule(tasks, Site({"a": 2}, cores=1, jobs=8)).seconds == 10


def test_jobs_of_a_cluster_keep_their_place_until_their_end_is_known():
    tasks = [cpu(10), cpu(10, 0)]
    assert schedule(tasks, Site({}, jobs=8), notice=30).seconds == 80
    assert schedule([cpu(10)] * 3, Site({}, jobs=1), notice=30).seconds == 120
    assert schedule([cpu(10)] * 3, Site({}, jobs=3), notice=30).seconds == 40


def test_jobs_that_wait_for_a_gpu_keep_others_from_being_submitted():
    tasks = [gpu(a=100), gpu(a=100), cpu(1)]
    plan = schedule(tasks, Site({"a": 1}, jobs=2))
    assert plan.seconds == 200
    local = Task({"cpu": 300}, is_local=True)
    assert schedule([*tasks, local], Site({"a": 1}, jobs=2), notice=30).seconds == 300


def workflow(seed: int) -> list[Task]:
    """Samples of one to thirty shards, each cut, embedded twice and joined; one last job."""
    numbers = random.Random(seed)
    tasks: list[Task] = []

    def add(seconds: dict[str, float], *needs: int) -> int:
        tasks.append(Task(seconds, needs))
        return len(tasks) - 1

    joined = []
    for _ in range(numbers.randint(2, 8)):
        plan = add({"cpu": numbers.uniform(10, 60)})
        size = numbers.uniform(0.2, 1)
        for _ in range(numbers.randint(1, 30)):
            frames = add({"cpu": 8}, plan)
            long = add({"a6000": 600 * size, "gb10": 1200 * size}, frames)
            short = add({"a6000": 80 * size, "gb10": 160 * size}, frames)
            joined.append(add({"cpu": 15}, long, short))
    add({"cpu": 300}, *joined)
    return tasks


@pytest.mark.parametrize("spread", [0, 0.2])
def test_a_simulated_cluster_takes_as_long_as_estimated(spread):
    """RESULTS.md has these errors. The estimate draws no luck and asks for news at no time."""
    errors = []
    for seed in range(20):
        tasks, gpus = workflow(seed), {"a6000": seed % 4 + 1, "gb10": seed % 3 + 1}
        taken = SimulatedCluster(gpus, 64, spread, seed).run(tasks)
        errors.append(schedule(tasks, Site(gpus, jobs=64), notice=30).seconds / taken - 1)
    print(
        f"spread {spread}: mean {mean(errors):+.1%}, from {min(errors):+.1%} to {max(errors):+.1%}"
    )
    assert abs(mean(errors)) < 0.05
    assert max(map(abs, errors)) < 0.2
