"""Every token is read, in pieces and batches no larger than allowed."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seqloom.embedding.batches import batch_end, pieces_of
from seqloom.embedding.compute import TOKENS_PER_BATCH
from seqloom.encoders.readings import Reading

# A special token before the residues and one after them.
BOTH_ENDS = Reading(before=1, after=1)
LENGTHS = st.lists(st.integers(2, 40), max_size=80)


@given(st.lists(st.integers(0, 300), max_size=4), st.integers(8, 60), st.integers(0, 2))
def test_pieces_of_a_sequence_have_one_length_overlap_and_own_each_token_once(
    lengths, limit, before
):
    reading = Reading(before=before, after=1)
    sequences = [[-1] * before + [*range(length)] + [-2] for length in lengths]
    for special_tokens_count in (False, True):
        pieces = pieces_of(sequences, limit, reading, special_tokens_count)
        for number, sequence in enumerate(sequences):
            tokens, mask = pieces.padded(pieces.of(number), min(len(sequence), limit))
            assert mask is None and (len(tokens) == 1) == (len(sequence) <= limit)
            assert (tokens[:, :before] == -1).all() and (tokens[:, -1] == -2).all()
            own = [
                row[pieces.begins[piece] : pieces.ends[piece]].tolist()
                for piece, row in zip(pieces.of(number), tokens, strict=True)
            ]
            expected = sequence if special_tokens_count else sequence[before:-1]
            assert [token for part in own for token in part] == expected
            for one, next_one in pairwise(tokens[:, before:-1]):
                assert len(set(one) & set(next_one)) >= limit // 8


def test_padding_is_masked():
    pieces = pieces_of([[7, 8], [1, 2, 3], [4, 5, 6, 9]], 10, BOTH_ENDS, True)
    tokens, mask = pieces.padded(np.array([1, 2, 0]), 4)
    assert tokens.tolist() == [[1, 2, 3, 0], [4, 5, 6, 9], [7, 8, 0, 0]]
    assert mask.sum(axis=1).tolist() == [3, 4, 2]


def batches_of(lengths: np.ndarray, tokens: int, pads: bool) -> list[np.ndarray]:
    """The lengths of each batch."""
    batches, start = [], 0
    while start < len(lengths):
        end = batch_end(lengths, start, tokens, pads)
        assert end > start
        batches.append(lengths[start:end])
        start = end
    assert start == len(lengths)
    return batches


def sorted_down(lengths) -> np.ndarray:
    return -np.sort(-np.array(lengths, int))


@given(LENGTHS, st.integers(1, 120))
def test_without_padding_lengths_are_equal_and_batches_as_full_as_that_allows(lengths, tokens):
    batches = batches_of(sorted_down(lengths), tokens, pads=False)
    for own in batches:
        assert (own == own[0]).all()
        assert len(own) == 1 or own.sum() <= tokens
    for own, after in pairwise(batches):
        assert (len(own) + 1) * own[0] > tokens or after[0] != own[0]


@given(LENGTHS, st.integers(1, 400))
def test_with_padding_every_batch_but_the_last_is_full(lengths, tokens):
    batches = batches_of(sorted_down(lengths), tokens, pads=True)
    assert all(len(own) == 1 or len(own) * own[0] <= tokens for own in batches)
    assert all((len(own) + 1) * own[0] > tokens for own in batches[:-1])


@settings(max_examples=20)
@given(st.integers(0, 999), st.floats(0.3, 1.0), st.sampled_from([1024, 2048, 4096]))
def test_a_protein_set_is_padded_by_at_most_5_percent_in_batches_85_percent_full(
    seed, spread, longest
):
    """Lengths as in a proteome: log-normal, 370 on average."""
    random = np.random.default_rng(seed)
    drawn = random.lognormal(np.log(370) - spread**2 / 2, spread, 20_000)
    lengths = sorted_down(drawn.clip(10, longest - 2) + 2)
    tokens = TOKENS_PER_BATCH["cuda"]
    batches = batches_of(lengths, tokens, pads=True)
    read = sum(len(own) * own[0] for own in batches)
    assert lengths.sum() >= 0.95 * read
    assert lengths.sum() >= 0.85 * tokens * len(batches)
