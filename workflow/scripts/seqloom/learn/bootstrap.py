"""How sure a number is: groups drawn again with replacement, each label for itself.

Contigs of a group resemble each other, so a group is one observation, however large it is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from seqloom.seqs.contigs import counted

DRAWS = 1000
LEAST_GROUPS = 3  # of a label, for an interval
ENDS = (2.5, 97.5)
_SEED = 42
_VALUES_TOGETHER = 2_000_000


@dataclass(frozen=True)
class Draws:
    """How often each row counts in each draw: as often as its unit, a group with one label."""

    unit: np.ndarray  # of each row
    viral: np.ndarray  # of each unit

    @cached_property
    def groups(self) -> dict[str, int]:
        """The number of groups by label."""
        return {"viral": int(self.viral.sum()), "host": int((~self.viral).sum())}

    @cached_property
    def note(self) -> str:
        """Why there are no intervals; empty if there are."""
        few = [
            counted(n, f"{label} group") for label, n in self.groups.items() if 0 < n < LEAST_GROUPS
        ]
        return f"no interval: only {' and '.join(few)}" if few else ""

    def counts(self) -> Iterator[np.ndarray]:
        """Counts [draws, units] of some draws at a time; the first has all units once."""
        yield np.ones((1, len(self.viral)))
        if self.note:
            return
        rng = np.random.default_rng(_SEED)
        most = max(1, _VALUES_TOGETHER // max(len(self.unit), 1))
        for start in range(0, DRAWS, most):
            counts = np.zeros((min(most, DRAWS - start), len(self.viral)))
            for label in (True, False):
                units = np.flatnonzero(self.viral == label)
                if len(units):
                    even = np.full(len(units), 1 / len(units))
                    counts[:, units] = rng.multinomial(len(units), even, len(counts))
            yield counts

    def sums(self, *values: np.ndarray) -> np.ndarray:
        """The sums of values of rows over each unit [units, values]."""
        size = len(self.viral)
        return np.stack([np.bincount(self.unit, value, size) for value in values], axis=1)


def draws_of(viral: np.ndarray, group: Iterable[str]) -> Draws:
    """Draws for rows with these labels and groups."""
    keys = pd.DataFrame({"viral": viral, "group": list(group)})
    unit = keys.groupby(["group", "viral"], sort=True).ngroup().to_numpy()
    labels = np.zeros(unit.max(initial=-1) + 1, bool)
    labels[unit] = viral
    return Draws(unit, labels)


def one_group(viral: np.ndarray) -> Draws:
    """For the numbers themselves, without intervals."""
    return draws_of(viral, [""] * len(viral))


def interval(values: np.ndarray, draws: Draws) -> list[float] | None:
    """The ends of a 95 % interval of a number that comes before its draws; None without draws.

    Where every draw is all right, or all wrong, it is that of a share of so many groups.
    """
    drawn = values[1:][np.isfinite(values[1:])]
    if not len(drawn):
        return None
    rare = 0.025 ** (1 / min(n for n in draws.groups.values() if n))
    if drawn.min() == 1:
        return [rare, 1.0]
    if drawn.max() == 0:
        return [0.0, 1 - rare]
    return np.percentile(drawn, ENDS).tolist()


def with_interval(name: str, values: np.ndarray, draws: Draws) -> dict[str, float | None]:
    """A number and the ends of its interval, as cells of a table."""
    low, high = interval(values, draws) or (None, None)
    number = None if np.isnan(values[0]) else float(values[0])
    return {name: number, f"{name}_low": low, f"{name}_high": high}
