"""The likeliest viral stretches, against all paths tried one by one."""

from itertools import pairwise, product

import numpy as np
import pytest

from seqloom.calls.hmm import UNIT, Chain, viral_stretches

CHAIN = Chain(length=2000, share=0.2)


def score_of(path, evidence, position):
    """The log-probability of a path of states, up to a constant."""
    steps = [step / UNIT for step in CHAIN.steps(np.diff(position, prepend=0))]
    score = CHAIN.edge() / UNIT * path[0] + np.dot(evidence, path)
    moves = enumerate(pairwise(path), start=1)
    return score + sum(steps[2 * before + after][i] for i, (before, after) in moves)


@pytest.mark.parametrize("seed", range(100))
def test_the_path_is_the_likeliest_of_all(seed):
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 9)
    evidence = rng.normal(0, 4, count) * (rng.random(count) < 0.8)
    position = np.cumsum(rng.integers(50, 3000, count))
    best = max(score_of(path, evidence, position) for path in product([False, True], repeat=count))
    # Between two other contigs.
    begins = np.array([True, False, True, *[False] * (count - 1), True])
    found = viral_stretches(
        np.concatenate([[9, 9], evidence, [7]]),
        np.concatenate([[0, 300], position, [0]]),
        begins,
        CHAIN,
    )
    assert (found.begin[0], found.end[0]) == (0, 2)
    assert (found.begin[-1], found.end[-1]) == (count + 2, count + 3)
    path = np.zeros(count, bool)
    spans = list(zip(found.begin[1:-1] - 2, found.end[1:-1] - 2, strict=True))
    for begin, end in spans:
        path[begin:end] = True
    score = score_of(path, evidence, position)
    assert score == pytest.approx(best, abs=1e-4)
    for (begin, end), log_odds in zip(spans, found.log_odds[1:-1], strict=True):
        without = path.copy()
        without[begin:end] = False
        change = score - score_of(without, evidence, position)
        assert change == pytest.approx(log_odds, abs=1e-4) and change > -1e-4


def test_without_windows_there_are_no_stretches():
    nothing = np.empty(0)
    assert len(viral_stretches(nothing, nothing, nothing.astype(bool), CHAIN).begin) == 0
