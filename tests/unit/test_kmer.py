"""Frequencies of 4-mers: by hand, on both strands, and whatever else is in the shard."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqloom.encoders.kmer import COLUMNS, kmer_frequencies

dna = st.text("ACGTNacgt", max_size=60)


def other_strand(sequence):
    return sequence.upper().translate(str.maketrans("ACGT", "TGCA"))[::-1]


@given(dna)
def test_both_strands_have_the_same_frequencies(sequence):
    here, there = kmer_frequencies([sequence, other_strand(sequence)])
    np.testing.assert_array_equal(here, there)


@given(dna)
def test_frequencies_count_kmers_without_n(sequence):
    words = [sequence[i : i + 4].upper() for i in range(len(sequence) - 3)]
    words = [min(w, other_strand(w)) for w in words if "N" not in w]
    expected = sorted(words.count(w) / len(words) for w in set(words))
    [found] = kmer_frequencies([sequence]) / COLUMNS
    assert len(found) == COLUMNS == 136
    np.testing.assert_allclose(sorted(found[found > 0]), expected, rtol=1e-6)


@given(st.lists(dna, min_size=1, max_size=8), st.integers(1, 300))
def test_a_row_does_not_depend_on_its_shard(sequences, copies):
    together = kmer_frequencies(sequences * copies)
    alone = np.concatenate([kmer_frequencies([sequence]) for sequence in sequences])
    assert together.tobytes() == alone.tobytes() * copies


def test_a_shard_without_frames_has_no_rows():
    assert kmer_frequencies([]).shape == (0, COLUMNS)
