import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from learn_data import make_world, split_by_hand, write_split

from seqloom.errors import InputError
from seqloom.learn.baseline import COLUMNS, fit_baseline, kmer_frequencies, kmer_matrix
from seqloom.learn.features import chosen_frames

dna = st.text("ACGTN", max_size=60)


def other_strand(sequence):
    return sequence.translate(str.maketrans("ACGT", "TGCA"))[::-1]


@given(dna)
def test_both_strands_have_the_same_frequencies(sequence):
    np.testing.assert_array_equal(
        kmer_frequencies(sequence), kmer_frequencies(other_strand(sequence))
    )


@given(dna)
def test_frequencies_count_kmers_without_n(sequence):
    words = [sequence[i : i + 4] for i in range(len(sequence) - 3)]
    words = [min(w, other_strand(w)) for w in words if "N" not in w]
    expected = sorted(words.count(w) / len(words) for w in set(words))
    found = kmer_frequencies(sequence)
    assert len(found) == COLUMNS == 136
    np.testing.assert_allclose(sorted(found[found > 0]), expected)


@pytest.fixture
def world(tmp_path):
    world = make_world(tmp_path)
    world.split = write_split(tmp_path / "split.parquet", split_by_hand(world))
    return world


def test_the_baseline_separates_planted_classes(world):
    train, test = (chosen_frames(world.split, world.frames, part) for part in ("train", "test"))
    model = fit_baseline(kmer_matrix(train, world.frames), train["label"] == "viral")
    scores = model.decision_function(kmer_matrix(test, world.frames))
    assert np.mean((scores > 0) == (test["label"] == "viral")) > 0.9


def test_each_row_has_the_frequencies_of_its_record(world):
    frames = chosen_frames(world.split, world.frames, "train")
    matrix = kmer_matrix(frames, world.frames)
    last = frames.iloc[-1]
    lines = world.frames[last["file"]].with_suffix(".fna").read_text().splitlines()
    sequence = lines[lines.index(f">{last['id']}") + 1]
    np.testing.assert_array_equal(matrix[-1], kmer_frequencies(sequence).astype(np.float32))


def test_a_fasta_with_a_missing_record_is_refused(world):
    fasta = world.frames[0].with_suffix(".fna")
    lines = fasta.read_text().splitlines(keepends=True)
    fasta.write_text("".join(lines[2:]))
    frames = chosen_frames(world.split, world.frames, "train")
    with pytest.raises(InputError, match=r"0001-of-0002.fna: damaged, or does not belong"):
        kmer_matrix(frames, world.frames)
