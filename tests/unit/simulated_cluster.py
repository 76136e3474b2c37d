"""A Slurm cluster and a Snakemake that drives it, second by second, with luck drawn from a seed.

Written apart from `seqloom.machine.schedule`, which is held against it: jobs take longer or
shorter than foreseen, nodes take seconds to begin, and Snakemake asks for news at intervals.
"""

import random
from collections.abc import Mapping, Sequence

from seqloom.machine.schedule import Task

_FIRST_POLL, _MORE, _LONGEST = 40, 10, 180


class SimulatedCluster:
    """Nodes without a GPU are never short."""

    def __init__(self, gpus: Mapping[str, int], jobs: int, spread: float, seed: int) -> None:
        self.free, self.jobs, self.spread = dict(gpus), jobs, spread
        self.random = random.Random(seed)

    def run(self, tasks: Sequence[Task]) -> float:
        """The seconds until Snakemake knows that all tasks are done."""
        now, poll, interval = 0.0, float(_FIRST_POLL), _FIRST_POLL
        left, done = list(range(len(tasks))), set()
        queue: list[int] = []
        running: dict[int, tuple[float, str]] = {}
        ended: list[int] = []
        while len(done) < len(tasks):
            for number in list(left):
                busy = len(queue) + len(running) + len(ended)
                if busy < self.jobs and done.issuperset(tasks[number].needs):
                    left.remove(number)
                    queue.append(number)
            for number in list(queue):
                if device := self._device(tasks[number]):
                    queue.remove(number)
                    end = now + self._seconds(tasks[number].seconds[device])
                    running[number] = end, device
            now = min([poll, *(end for end, _ in running.values())])
            for number, (end, device) in list(running.items()):
                if end <= now:
                    del running[number]
                    self.free[device] = self.free.get(device, 0) + 1
                    ended.append(number)
            if now >= poll:
                interval = _FIRST_POLL if ended else min(interval + _MORE, _LONGEST)
                done.update(ended)
                ended.clear()
                poll = now + interval
        return now

    def _device(self, task: Task) -> str | None:
        """A free device that the task may take, any of them."""
        if "cpu" in task.seconds:
            return "cpu"
        free = [kind for kind in task.seconds if self.free[kind]]
        if not free:
            return None
        kind = self.random.choice(free)
        self.free[kind] -= 1
        return kind

    def _seconds(self, expected: float) -> float:
        return expected * self.random.lognormvariate(0, self.spread) + self.random.uniform(-1, 1)
