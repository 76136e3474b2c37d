"""Counts, the fair choice of windows, training filters, and shards as slices."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqs_data import letters, stored

from seqloom.config.cut import Cut
from seqloom.errors import InputError
from seqloom.seqs.annotations import SCHEMA as CODING
from seqloom.seqs.contigs import check_contigs, planned_contigs, read_contigs
from seqloom.seqs.frames import STATUSES
from seqloom.seqs.genome import open_genome
from seqloom.seqs.hashing import mixed, text_key
from seqloom.seqs.plans import (
    check_plan,
    fair_choice,
    frame_counts,
    frame_plan,
    is_read,
    planned_frames,
    protein_plan,
    sampled,
    shard_windows,
    statuses,
    training_filter,
)
from seqloom.seqs.shards import frame_batches
from seqloom.seqs.windows import window_layout

CUTS = {
    "open": Cut(60),
    "longest": Cut(60, frames="longest_orf", min_codons=8),
    "capped": Cut(60, max_per_window=1),
    "legacy": Cut(60, "virnucpro", "virnucpro"),
}
LENGTHS = [0, 59, 60, 5000, 200, 61, 20_000, 2, 900]
WINDOWS = [0, 1, 1, 84, 4, 2, 334, 1, 15, 2]
SEED = 5


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Contigs of several lengths, one empty and one without a clear base, and their genome."""
    contigs = {f"c|{i}": letters(i, n, b"ACGGCTTA") for i, n in enumerate(LENGTHS)}
    contigs["unclear"] = b"N" * 90
    paths = stored(tmp_path_factory.mktemp("sample"), contigs)
    return read_contigs(paths[3]), open_genome(paths[0])


def make_plan(sample, cut, max_frames=None, seed=SEED):
    layout = window_layout(sample[1], cut.window)
    plan = frame_plan(sample[1], layout, cut, 11)
    return layout, sampled(plan, layout, seed, max_frames) if max_frames else plan


def read_shards(sample, layout, plan, cut, count):
    """The rows of all shards, one after the other, and the text of their FASTA."""
    tables, dna, proteins = [pd.DataFrame()], b"", b""
    for i in range(1, count + 1):
        shard = f"{i:04}-of-{count:04}"
        for table, fasta in frame_batches(sample[1], layout, plan, shard, cut, 11):
            tables.append(table.to_pandas())
            dna += fasta[".fna"]
            proteins += fasta[".faa"]
    return pd.concat(tables, ignore_index=True), dna, proteins


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("max_frames", [None, 10**6, 300, 37, 3, 1])
def test_the_contigs_count_what_any_number_of_shards_holds(sample, cut, max_frames):
    layout, plan = make_plan(sample, cut, max_frames)
    contigs = planned_contigs(sample[0], layout, plan).to_pandas()
    assert contigs["contig"].tolist() == sample[1].names
    assert contigs["windows"].tolist() == WINDOWS
    rows, *fasta = read_shards(sample, layout, plan, cut, 1)
    for count in (2, 3, 7, 500):
        other, *other_fasta = read_shards(sample, layout, plan, cut, count)
        assert rows.equals(other)
        assert fasta == other_fasta
    if len(rows):
        found = rows[rows["status"] == "ok"].groupby("contig").size()
        windows = rows.groupby("contig")["window"].nunique()
        for column, counts in (("kept_frames", found), ("kept_windows", windows)):
            counts = counts.reindex(contigs["contig"], fill_value=0)
            assert counts.tolist() == contigs[column].tolist()
    if max_frames is None or max_frames >= contigs["frames"].sum():
        assert contigs["kept_windows"].equals(contigs["windows"])
        assert contigs["kept_frames"].equals(contigs["frames"])
    else:
        assert max_frames - 6 < contigs["kept_frames"].sum() <= max_frames


def test_contigs_without_a_frame_say_why(sample):
    layout, plan = make_plan(sample, CUTS["longest"])
    contigs = planned_contigs(sample[0], layout, plan).to_pandas().set_index("contig")
    assert contigs.loc["c|0", ["status", "reason"]].tolist() == ["empty", "no sequence"]
    assert contigs.loc["c|7", ["status", "reason"]].tolist() == [
        *("no_frame", "no open frame in 1 window")
    ]
    assert contigs.loc["unclear", ["status", "reason"]].tolist() == [
        *("all_ambiguous", "no A, C, G or T")
    ]
    assert (contigs["status"] == "ok").equals(contigs["frames"] > 0)
    lost = statuses(plan)
    assert (lost > 0).tolist() == (frame_counts(plan) == 0).tolist()
    assert STATUSES[lost[-1]] == "ambiguous"


def test_a_table_of_other_records_is_refused(sample):
    records, genome = sample
    with pytest.raises(InputError, match=r"x.tsv: .*its contigs are not those of .*g.fa.gz"):
        check_contigs("x.tsv", records.sort_by([("contig", "descending")]), genome)


def test_what_is_kept_grows_with_max_frames_and_changes_with_the_seed(sample):
    cut = CUTS["open"]
    few, many, other = (
        set(np.flatnonzero(make_plan(sample, cut, n, seed)[1] & 64).tolist())
        for n, seed in ((100, SEED), (200, SEED), (200, SEED + 1))
    )
    assert few < many
    assert other != many


def test_windows_without_a_frame_are_not_read_in_place_of_others(sample):
    _, plan = make_plan(sample, CUTS["open"], 37)
    read = is_read(plan)
    assert read.any() and (frame_counts(plan)[read] > 0).all()
    _, everything = make_plan(sample, CUTS["open"], 10**6)
    assert is_read(everything).all() and (frame_counts(everything) == 0).any()


@given(
    st.lists(st.lists(st.integers(0, 6), max_size=30), min_size=1, max_size=8),
    st.integers(0, 300),
)
def test_contigs_are_filled_evenly(contigs, max_frames):
    contig = np.repeat(np.arange(len(contigs)), [len(c) for c in contigs])
    frames = np.array([n for c in contigs for n in c], int)
    read = fair_choice(contig, frames, mixed(np.arange(len(frames))), max_frames)
    total = frames[read].sum()
    assert (
        total == frames.sum()
        if frames.sum() <= max_frames
        else max_frames - 6 < total <= max_frames
    )
    filled = np.bincount(contig, frames * read, len(contigs))
    unfilled = [i for i in range(len(contigs)) if filled[i] < sum(contigs[i])]
    # A contig with windows left has as many frames as any other, but for one window.
    assert all(filled[i] > filled.max() - 7 for i in unfilled)


def test_hashes_are_fixed_and_spread_evenly():
    keys = np.full(100_000, text_key("1 a"), np.uint64)
    hashes = mixed(np.arange(100_000), keys)
    assert len(set(hashes.tolist())) == 100_000
    assert abs((hashes / 2.0**64).mean() - 0.5) < 0.01
    assert abs((hashes & np.uint64(1)).mean() - 0.5) < 0.01
    assert np.array_equal(mixed(np.array([7, 99]), keys[:2]), hashes[[7, 99]])
    # A change of these numbers would change what every sample with `max_frames` contributes.
    assert hashes[:2].tolist() == [9227100811618236497, 6356887650126471279]


GENE = "ATG" + "GCC" * 60 + "TAA"  # one reading frame is coding, and others are open too


def coding_sample(folder):
    """A gene on either strand, with clear sequence around, and the annotation of both."""
    reverse = GENE[::-1].translate(str.maketrans("ACGT", "TGCA"))
    text = f"CC{GENE}C{reverse}"
    paths = stored(folder, {"other": b"GCC" * 40, "a": text.encode(), "n": f"N{GENE}".encode()})
    size = len(GENE)
    rows = [
        ("a", 2, 2 + size, "+", 0, 0, "M" + "A" * 60),
        ("a", 3 + size, 3 + 2 * size, "-", 0, 1, "M" + "A" * 60),
        ("n", 1, 1 + size, "+", 0, 2, "M" + "A" * 60),
    ]
    table = pa.Table.from_pylist(
        [dict(zip(CODING.names, row, strict=True)) for row in rows], CODING
    )
    return open_genome(paths[0]), text, table


@pytest.mark.parametrize("training", ["coding", "virnucpro"])
def test_only_coding_frames_train(tmp_path, training):
    genome, text, table = coding_sample(tmp_path)
    cut = Cut(60, "virnucpro", "virnucpro", training=training)
    layout = window_layout(genome, cut.window)
    coding = training_filter(cut, 11, table, layout.names)
    plan = frame_plan(genome, layout, cut, 11, coding)
    everything = frame_plan(genome, layout, cut, 11)
    rows, _, proteins = read_shards((None, genome), layout, plan, cut, 3)
    found = rows[rows["status"] == "ok"]
    assert 0 < len(found) < frame_counts(everything).sum()
    assert len(proteins.split()) == 2 * len(found)
    assert not len(found[found["contig"] == "other"])
    texts = proteins.decode().split()[1::2]
    assert set("".join(texts)) <= set("MA")
    if training == "coding":
        # Of the two open readings of GCC repeats, only the one of the gene.
        own = found[found["contig"] == "a"]
        lattice = np.where(
            own["strand"] == "+", own["frame_start"] - 2, len(text) - own["frame_end"]
        )
        assert (lattice % 3 == 0).all()
    else:
        # The first window of `n` has an N.
        assert 1 not in found["window"][found["contig"] == "n"].tolist()
    status = set(rows["status"][rows["status"] != "ok"])
    assert "not_coding" in status
    assert planned_frames(plan).sum() == len(found)


def test_a_protein_is_one_window_with_one_frame(sample):
    records, genome = sample
    layout = window_layout(genome, None)
    plan = protein_plan(layout, records["status"].to_numpy() == "all_ambiguous")
    contigs = planned_contigs(records, layout, plan).to_pandas()
    assert contigs["windows"].tolist() == [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    assert contigs["frames"].tolist() == [0, 1, 1, 1, 1, 1, 1, 1, 1, 0]
    shards = [layout.locate(shard_windows(plan, f"{k}-of-3"))[0].tolist() for k in (1, 2, 3)]
    assert shards == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_a_sample_without_bases_has_an_empty_plan(tmp_path):
    paths = stored(tmp_path, {"a": b"", "b": b""})
    layout, plan = make_plan((None, open_genome(paths[0])), CUTS["open"], 10)
    assert (len(layout), plan.tolist()) == (0, [])
    assert shard_windows(plan, "0001-of-0002").tolist() == []
    contigs = planned_contigs(read_contigs(paths[3]), layout, plan)
    assert contigs["windows"].to_pylist() == [0, 0]


def test_a_plan_of_another_cut_is_refused():
    made = {"provenance": json.dumps({"settings": {"window": 300, "genetic_code": 4}})}
    check_plan("p.parquet", made, {"window": 300})
    with pytest.raises(InputError) as caught:
        check_plan("p.parquet", made, {"window": 300, "genetic_code": 11})
    assert str(caught.value) == (
        "p.parquet: made with genetic_code 4, not 11; give the same cut to both"
    )
