"""Window positions, compared with the published program and checked for every scheme."""

import hashlib

import numpy as np
import pytest
from facts import virnucpro
from hypothesis import given
from hypothesis import strategies as st
from seqs_data import letters, stored

from seqloom.seqs import windows
from seqloom.seqs.genome import open_genome
from seqloom.seqs.windows import (
    Batch,
    Cut,
    count_windows,
    has_ambiguous_base,
    read_windows,
    window_bounds,
    window_layout,
)

lengths = st.one_of(st.integers(1, 3000), st.integers(1, 10**10))
sizes = st.integers(30, 2000)
schemes = st.sampled_from(["even", "virnucpro"])


def all_bounds(length, size, scheme):
    return window_bounds(length, np.arange(count_windows(length, size)), size, scheme)


def test_virnucpro_windows_equal_those_of_the_published_program():
    for size, cases in virnucpro()["windows"].items():
        for length, golden in cases.items():
            starts, ends = all_bounds(int(length), int(size), "virnucpro")
            assert len(starts) == golden["n"]
            assert (starts[-1], ends[-1] - starts[-1]) == (golden["last_start"], golden["last_len"])
            assert (ends - starts == int(size)).all() == golden["all_full"]
            assert starts.tolist() == golden.get("starts", starts.tolist())
            text = ",".join(map(str, starts.tolist()))
            assert hashlib.sha256(text.encode()).hexdigest() == golden["sha256_starts"]


@pytest.mark.parametrize(
    ("length", "starts"), [(1, [0]), (300, [0]), (301, [0, 1]), (1000, [0, 233, 466, 700])]
)
def test_even_windows(length, starts):
    assert all_bounds(length, 300, "even")[0].tolist() == starts


@given(st.integers(1, 60_000), sizes, schemes)
def test_windows_cover_every_base_in_order(length, size, scheme):
    starts, ends = all_bounds(length, size, scheme)
    assert starts[0] == 0
    assert ends[-1] == length
    assert (np.diff(starts) > 0).all()
    assert (starts[1:] <= ends[:-1]).all()


@given(st.integers(0, 60_000), sizes)
def test_even_windows_are_full_and_evenly_spaced(more, size):
    starts, ends = all_bounds(size + more, size, "even")
    assert (ends - starts == size).all()
    assert np.ptp(np.diff(starts)) <= 1 if len(starts) > 1 else more == 0


@given(lengths, sizes, schemes, st.data())
def test_the_bounds_of_a_window_do_not_depend_on_other_windows(length, size, scheme, data):
    count = count_windows(length, size)
    first = data.draw(st.integers(0, count - 1))
    numbers = np.arange(first, min(first + 3, count))
    together = window_bounds(length, numbers, size, scheme)
    alone = [window_bounds(length, numbers[i : i + 1], size, scheme) for i in range(len(numbers))]
    assert np.array_equal(together, np.concatenate(alone, axis=1))
    assert (together[0] >= 0).all()
    assert (together[1] <= length).all()


@pytest.mark.parametrize("batch_bases", [1, 400, 3000, 10**6])
@pytest.mark.parametrize("scheme", ["even", "virnucpro"])
def test_batches_of_any_size_contain_the_wanted_windows(tmp_path, monkeypatch, batch_bases, scheme):
    monkeypatch.setattr(windows, "_BATCH_BASES", batch_bases)
    contigs = {f"c{i}": letters(i, n) for i, n in enumerate([5, 300, 0, 20_000, 1, 777])}
    genome = open_genome(stored(tmp_path, contigs)[0])
    layout = window_layout(genome, 300)
    assert layout.counts.tolist() == [1, 1, 0, 67, 1, 3]
    assert len(layout) == 73
    wanted = np.array([0, 2, 3, 42, 68, 69, 70, 71, 72])
    expected = [("c0", 0), *(("c3", n) for n in (0, 1, 40, 66)), ("c4", 0)]
    expected += [("c5", n) for n in range(3)]
    found, texts = [], list(contigs.values())
    for batch in read_windows(genome, layout, Cut(300, scheme), wanted):
        columns = (batch.contig, batch.number, batch.offset, batch.start, batch.end)
        for contig, number, offset, start, end in zip(*columns, strict=True):
            text = texts[contig]
            assert batch.bases[offset : offset + end - start] == text[start:end]
            [[first], [last]] = window_bounds(len(text), np.array([number]), 300, scheme)
            assert (start, end) == (first, last)
            found.append((layout.names[contig], number))
    assert found == expected


def test_windows_with_an_ambiguous_base_are_found():
    starts, ends = np.array([0, 3, 4, 7]), np.array([3, 4, 7, 9])
    batch = Batch(b"ACGNACGTR", starts, *[np.zeros(4, int)] * 3, starts, ends)
    assert has_ambiguous_base(batch).tolist() == [False, True, False, True]
