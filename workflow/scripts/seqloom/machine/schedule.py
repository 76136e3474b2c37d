"""Which job runs when and where: the jobs of a run on the GPUs and cores of a site."""

import heapq
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seqloom.config.work import CPU


@dataclass(frozen=True)
class Task:
    """A job as it is scheduled: its seconds by the device it may take, and what it waits for."""

    seconds: Mapping[str, float]
    needs: Sequence[int] = ()  # places of other tasks in their list
    threads: int = 1
    is_local: bool = False  # runs where Snakemake does, on a cluster too


@dataclass(frozen=True)
class Site:
    """What a run may use: GPUs by kind, and cores, or on a cluster so many submitted jobs."""

    gpus: Mapping[str, int]
    cores: int = 1
    jobs: int | None = None


@dataclass(frozen=True)
class Schedule:
    """Seconds until the last task ends, and the device that each took."""

    seconds: float
    devices: Sequence[str]


def schedule(tasks: Sequence[Task], site: Site, notice: float = 0) -> Schedule:
    """Each task starts as soon as what it needs is done and a device is free, the fastest first.

    `notice` are the seconds after which Snakemake learns that a job of a cluster has ended.
    """
    run = _Run(tasks, site, notice)
    now = 0.0
    while run.events:
        now = run.events[0][0]
        while run.events and run.events[0][0] == now:
            run.end(*heapq.heappop(run.events))
        run.start_all(now)
    return Schedule(now, run.devices)


class _Run:
    """The state of a run. A submitted job of a cluster keeps its slot until its end is known."""

    def __init__(self, tasks: Sequence[Task], site: Site, notice: float) -> None:
        self.tasks, self.site, self.notice = tasks, site, notice
        self.waits_for = [len(task.needs) for task in tasks]
        self.dependents: dict[int, list[int]] = defaultdict(list)
        for number, task in enumerate(tasks):
            for need in task.needs:
                self.dependents[need].append(number)
        self.devices = [""] * len(tasks)
        self.free = {**site.gpus, CPU: len(tasks)}
        self.cores, self.slots = site.cores, site.jobs or 0
        self.to_submit: deque[int] = deque()
        # Tasks that may take the same devices and as many cores wait in one line.
        self.lines: dict[tuple, deque[int]] = defaultdict(deque)
        self.events: list[tuple[float, int, bool]] = []  # time, task, whether it is known
        for number, count in enumerate(self.waits_for):
            if not count:
                self._make_ready(number)
        self.start_all(0)

    def _is_submitted(self, number: int) -> bool:
        return self.site.jobs is not None and not self.tasks[number].is_local

    def _cores_of(self, number: int) -> int:
        """Those it takes here; a cluster has enough."""
        return 0 if self.site.jobs is not None else min(self.tasks[number].threads, self.site.cores)

    def _make_ready(self, number: int) -> None:
        if self._is_submitted(number):
            self.to_submit.append(number)
        else:
            self._queue(number)

    def _queue(self, number: int) -> None:
        key = (tuple(sorted(self.tasks[number].seconds)), self._cores_of(number))
        self.lines[key].append(number)

    def start_all(self, now: float) -> None:
        """Submit and start what can be."""
        while self.to_submit and self.slots:
            self.slots -= 1
            self._queue(self.to_submit.popleft())
        for (names, cores), line in self.lines.items():
            while line and cores <= self.cores:
                free = [name for name in names if self.free[name]]
                if not free:
                    break
                number = line.popleft()
                seconds = self.tasks[number].seconds
                self.devices[number] = device = min(free, key=seconds.__getitem__)
                self.free[device] -= 1
                self.cores -= cores
                heapq.heappush(self.events, (now + seconds[device], number, False))

    def end(self, now: float, number: int, is_known: bool) -> None:
        """A task has ended, or its end becomes known."""
        if not is_known:
            self.free[self.devices[number]] += 1
            self.cores += self._cores_of(number)
        if self._is_submitted(number):
            if not is_known:
                heapq.heappush(self.events, (now + self.notice, number, True))
                return
            self.slots += 1
        for other in self.dependents[number]:
            self.waits_for[other] -= 1
            if not self.waits_for[other]:
                self._make_ready(other)
