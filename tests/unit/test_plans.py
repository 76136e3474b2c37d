"""Counts, the fair choice of windows, and shards as slices."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqloom.seqs.contigs import open_genome, read_contigs, write_sample
from seqloom.seqs.plans import (
    SCHEMA,
    fair_thresholds,
    frame_plan,
    shard_windows,
    whole_plan,
    window_hashes,
)
from seqloom.seqs.reading import Record
from seqloom.seqs.shards import frame_parts
from seqloom.seqs.windows import Cut

CUT = Cut(60, "even", "open", 0.1)
LENGTHS = [0, 59, 60, 5000, 200, 61, 20_000, 2, 900]
SEED = 5


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Contigs of several lengths, one empty and one without a clear base, and their genome."""
    folder = tmp_path_factory.mktemp("sample")
    generator = np.random.default_rng(3)
    texts = [bytes(generator.choice(list(b"ACGGCT"), n).tolist()) for n in LENGTHS] + [b"N" * 90]
    records = (Record(f"c|{i}", f"c|{i}", text, "x.fa", 1) for i, text in enumerate(texts))
    paths = [folder / name for name in ("g.fa.gz", "g.fa.gz.fai", "g.fa.gz.gzi", "g.tsv")]
    write_sample(records, "dna", *paths)
    return read_contigs(paths[3]), open_genome(paths[0])


def make_plan(sample, max_frames):
    contigs, genome = sample
    return frame_plan(contigs, genome, CUT, 11, SEED, max_frames).to_pandas()


def read_shards(sample, plan, count):
    """The rows of all shards, one after the other."""
    contigs = list(zip(plan["contig"], plan["length"], strict=True))
    tables = [pd.DataFrame()]
    for i in range(1, count + 1):
        wanted = shard_windows(plan, f"{i:04}-of-{count:04}", SEED)
        tables += [t.to_pandas() for t, _ in frame_parts(sample[1], contigs, wanted, CUT, 11)]
    return pd.concat(tables, ignore_index=True)


@pytest.mark.parametrize("max_frames", [None, 10**6, 500, 37, 3, 1, 0])
def test_the_plan_counts_what_any_number_of_shards_holds(sample, max_frames):
    plan = make_plan(sample, max_frames)
    assert plan["windows"].tolist() == [0, 1, 1, 84, 4, 2, 334, 1, 15, 0]
    rows = read_shards(sample, plan, 1)
    for count in (2, 3, 7, 500):
        assert rows.equals(read_shards(sample, plan, count))
    if len(rows):
        found = rows[rows["status"] == "ok"].groupby("contig").size()
        windows = rows.groupby("contig")["window"].nunique()
        assert found.reindex(plan["contig"], fill_value=0).tolist() == plan["kept_frames"].tolist()
        assert windows.reindex(plan["contig"], fill_value=0).tolist() == (
            plan["kept_windows"].tolist()
        )
    if max_frames is None or max_frames >= plan["frames"].sum():
        assert plan["kept_windows"].equals(plan["windows"])
        assert plan["kept_frames"].equals(plan["frames"])
    else:
        assert max_frames - 6 < plan["kept_frames"].sum() <= max_frames


def test_what_is_kept_grows_with_max_frames_and_changes_with_the_seed(sample):
    few, many = (read_shards(sample, make_plan(sample, n), 1)["id"] for n in (100, 200))
    assert set(few) < set(many)
    contigs, genome = sample
    other = frame_plan(contigs, genome, CUT, 11, SEED + 1, 100).to_pandas()
    assert not other["threshold"].equals(make_plan(sample, 100)["threshold"])


@given(
    st.lists(st.lists(st.integers(0, 6), max_size=30), min_size=1, max_size=8),
    st.integers(0, 300),
)
def test_contigs_are_filled_evenly(contigs, max_frames):
    contig = np.repeat(np.arange(len(contigs)), [len(c) for c in contigs])
    frames = np.array([n for c in contigs for n in c], int)
    hashes = np.concatenate(
        [window_hashes(1, f"{i}", np.arange(len(c))) for i, c in enumerate(contigs)]
    )
    threshold = fair_thresholds(contig, frames, hashes, len(contigs), max_frames)
    kept = hashes <= threshold[contig]
    total = frames[kept].sum()
    assert (
        total == frames.sum()
        if frames.sum() <= max_frames
        else max_frames - 6 < total <= max_frames
    )
    filled = np.bincount(contig, frames * kept, len(contigs))
    unfilled = [i for i in range(len(contigs)) if filled[i] < sum(contigs[i])]
    # Whoever could still take something has, but for one window, as much as anyone.
    assert all(filled[i] > filled.max() - 7 for i in unfilled)


def test_hashes_are_fixed_and_spread_evenly():
    hashes = window_hashes(1, "a", np.arange(100_000))
    assert len(set(hashes.tolist())) == 100_000
    assert abs((hashes / 2.0**64).mean() - 0.5) < 0.01
    assert abs((hashes & np.uint64(1)).mean() - 0.5) < 0.01
    assert np.array_equal(window_hashes(1, "a", np.array([7, 99])), hashes[[7, 99]])
    # A change of these numbers would change what every sample with `max_frames` contributes.
    assert hashes[:2].tolist() == [9227100811618236497, 6356887650126471279]


def test_a_protein_is_one_window_with_one_frame(sample):
    table = whole_plan(sample[0])
    assert table.schema == SCHEMA
    plan = table.to_pandas()
    for column in ("windows", "frames", "kept_windows", "kept_frames"):
        assert plan[column].tolist() == [0, 1, 1, 1, 1, 1, 1, 1, 1, 0]
    shards = [[i for i, _ in shard_windows(plan, f"{k}-of-3")] for k in (1, 2, 3)]
    assert shards == [[1, 2], [3, 4, 5], [6, 7, 8]]


def test_the_plan_of_a_sample_without_a_good_contig_is_all_zero(sample):
    contigs = sample[0].iloc[[0, 9]].reset_index(drop=True)
    table = frame_plan(contigs, sample[1], CUT, 11, SEED, 10)
    assert table.schema == SCHEMA
    assert table.to_pandas()["windows"].tolist() == [0, 0]
    assert list(shard_windows(table.to_pandas(), "0001-of-0002", SEED)) == []
