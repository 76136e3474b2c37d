"""The likeliest viral stretches of contigs: a chain of two states along their windows (Viterbi).

The windows of all contigs are one array. Its numbers are integers, so that sums are exact and the
stretches of a contig do not depend on what stands beside it.
"""

from dataclasses import dataclass

import numpy as np

UNIT = 1e6  # parts of a natural logarithm


@dataclass(frozen=True)
class Chain:
    """How states alternate: the mean length of viral stretches, and their share of all bases."""

    length: float
    share: float

    def edge(self) -> np.ndarray:
        """The log-odds of viral at an edge of a contig, without evidence."""
        return _units(np.log(self.share / (1 - self.share)))

    def steps(self, distance: np.ndarray) -> tuple[np.ndarray, ...]:
        """The log-probabilities of host to host, host to viral, viral to host, viral to viral."""
        change = -np.expm1(-distance / (self.length * (1 - self.share)))
        enter, leave = self.share * change, (1 - self.share) * change
        return tuple(_units(np.log(p)) for p in (1 - enter, enter, leave, 1 - leave))


@dataclass(frozen=True)
class Stretches:
    """Viral stretches by their first windows and the windows after their last.

    `log_odds` is that of the stretch against host in its place, all else as it is.
    """

    begin: np.ndarray
    end: np.ndarray
    log_odds: np.ndarray


def viral_stretches(
    evidence: np.ndarray, position: np.ndarray, first: np.ndarray, chain: Chain
) -> Stretches:
    """The viral stretches on the likeliest path along each contig.

    `evidence` is the log-odds of each window alone; `first` marks the first window of each contig.
    """
    hh, hv, vh, vv = chain.steps(np.maximum(np.diff(position, prepend=0), 1))
    evidence = _units(evidence)
    stay = np.where(first, chain.edge(), vv - hh)
    low, high = np.where(first, stay, hv - hh), np.where(first, stay, vv - vh)
    viral = _path(_leads(stay + evidence, low + evidence, high + evidence), first, hv - vv, hh - vh)

    last = np.append(first, True)[1:]
    begin = np.flatnonzero(viral & (first | ~np.append(False, viral)[:-1]))
    end = np.flatnonzero(viral & (last | ~np.append(viral, False)[1:])) + 1
    sums = np.append(0, np.cumsum(stay + evidence))
    log_odds = sums[end] - sums[begin]
    # A stretch inside a contig has to be entered, and to be left.
    log_odds += np.where(first, 0, hv - vv)[begin] + np.append(np.where(first, 0, vh - hh), 0)[end]
    return Stretches(begin, end, log_odds / UNIT)


def _leads(shift: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """For each window the log-odds of the best paths that end there, in viral and in host.

    A step changes them to clip(log-odds + shift, low, high), with low = high where a contig begins.
    Two such steps are one, so that each round takes in twice as many windows as the one before.
    """
    reach = 1
    while (low != high).any():
        a, b, c, before = shift[reach:], low[reach:], high[reach:], slice(None, -reach)
        joined = shift[before] + a, np.clip(low[before] + a, b, c), np.clip(high[before] + a, b, c)
        shift[reach:], low[reach:], high[reach:] = joined
        reach *= 2
    return low


def _path(leads: np.ndarray, first: np.ndarray, below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Which windows are viral, from the last window of each contig back to its first."""
    last = np.append(first, True)[1:]
    # Elsewhere the state is that of the next window.
    viral = leads > np.where(last, 0, np.append(above, 0)[1:])
    host = leads <= np.where(last, 0, np.append(below, 0)[1:])
    places = np.where(viral | host, np.arange(len(leads)), len(leads))
    return viral[np.minimum.accumulate(places[::-1])[::-1]]


def _units(value: np.ndarray) -> np.ndarray:
    return np.rint(value * UNIT).astype(np.int64)
