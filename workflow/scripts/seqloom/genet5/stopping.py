"""Signals that ask a training to stop."""

import signal


class Stopped(Exception):
    """A signal asked the training to stop."""


class Signals:
    """SIGTERM and SIGINT, which are heard between batches: weights then belong to a whole step."""

    def __init__(self) -> None:
        self.heard = ""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._hear)

    def _hear(self, number: int, _frame: object) -> None:
        self.heard = signal.Signals(number).name

    def check(self) -> None:
        if self.heard:
            raise Stopped
