"""Every token is read, in pieces and batches no larger than allowed."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqloom.embedding.batches import batch_end, merged_lengths, overlapping_pieces, pieces_of
from seqloom.encoders.readings import READINGS

# A special token before the residues and one after them.
BOTH_ENDS = READINGS["esm"]
LENGTHS = st.lists(st.integers(2, 40), max_size=80)


@given(st.integers(2, 400), st.integers(8, 60))
def test_pieces_have_one_length_cover_everything_and_overlap(length, limit):
    tokens = [-1, *range(length - 2), -2]
    pieces = overlapping_pieces(tokens, limit, BOTH_ENDS)
    assert (len(pieces) == 1) == (length <= limit)
    assert {len(piece) for piece in pieces} == {min(length, limit)}
    assert all(piece[0] == -1 and piece[-1] == -2 for piece in pieces)
    inner = [piece[1:-1] for piece in pieces]
    assert sorted({token for piece in inner for token in piece}) == list(range(length - 2))
    for before, after in pairwise(inner):
        assert len(set(before) & set(after)) >= limit // 8
    for piece in inner:
        assert piece == list(range(piece[0], piece[0] + len(piece))) if piece else length == 2


@given(st.lists(st.lists(st.integers(0, 4095), min_size=2, max_size=30), max_size=20))
def test_pieces_in_one_array_are_those_of_each_sequence(sequences):
    pieces = pieces_of(sequences, 10, BOTH_ENDS)
    expected = [overlapping_pieces(sequence, 10, BOTH_ENDS) for sequence in sequences]
    assert pieces.counts.tolist() == [len(group) for group in expected]
    flat = [piece for group in expected for piece in group]
    assert pieces.lengths.tolist() == [len(piece) for piece in flat]
    for number, piece in enumerate(flat):
        tokens, mask = pieces.padded(np.array([number]), len(piece))
        assert tokens.tolist() == [piece] and mask is None


def test_padding_is_masked():
    pieces = pieces_of([[7, 8], [1, 2, 3], [4, 5, 6, 9]], 10, BOTH_ENDS)
    tokens, mask = pieces.padded(np.array([1, 2, 0]), 4)
    assert tokens.tolist() == [[1, 2, 3, 0], [4, 5, 6, 9], [7, 8, 0, 0]]
    assert mask.sum(axis=1).tolist() == [3, 4, 2]


@given(LENGTHS, st.integers(1, 120))
def test_batches_cover_everything_once_in_equal_lengths(lengths, tokens):
    lengths = -np.sort(-np.array(lengths, int))
    start = 0
    while start < len(lengths):
        end = batch_end(lengths, start, tokens)
        assert end > start
        assert (lengths[start:end] == lengths[start]).all()
        assert end == start + 1 or (end - start) * lengths[start] <= tokens
        is_full = (end - start + 1) * lengths[start] > tokens
        assert is_full or end == len(lengths) or lengths[end] != lengths[start]
        start = end


@given(LENGTHS)
def test_only_rare_lengths_are_raised_to_the_next_multiple_of_8(lengths):
    for length, merged in zip(lengths, merged_lengths(np.array(lengths, int)), strict=True):
        expected = length if lengths.count(length) >= 8 else (length + 7) // 8 * 8
        assert merged == expected
