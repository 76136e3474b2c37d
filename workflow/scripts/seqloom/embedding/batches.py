"""Pieces of sequences that are too long for an encoder, and batches of similar length."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from seqloom.encoders.readings import Reading

# Neighboring pieces overlap by at least this part of the longest input.
_OVERLAP = 1 / 8


@dataclass(frozen=True)
class Pieces:
    """Tokens of all pieces of all sequences, one after the other in one array.

    Pieces overlap, but each token of a sequence is own to one of them: those from `begins` to
    `ends`, counted from the start of the piece.
    """

    tokens: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    counts: np.ndarray  # how many pieces each sequence has

    @cached_property
    def sizes(self) -> np.ndarray:
        """How many own tokens each piece has."""
        return self.ends - self.begins

    @cached_property
    def firsts(self) -> np.ndarray:
        """The first piece of each sequence."""
        return self.counts.cumsum() - self.counts

    @cached_property
    def sequences(self) -> np.ndarray:
        """The sequence of each piece."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def of(self, sequence: int) -> np.ndarray:
        """The pieces of a sequence."""
        return np.arange(self.counts[sequence]) + self.firsts[sequence]

    def padded(self, chosen: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Tokens of the chosen pieces [pieces, length], and a mask of them if any is padding."""
        columns = np.arange(length)
        mask = columns < self.lengths[chosen, None]
        places = self.starts[chosen, None] + columns
        if mask.all():
            return self.tokens[places], None
        return self.tokens[places * mask] * mask, mask


def pieces_of(
    sequences: Iterable[list[int]], limit: int, reading: Reading, special_tokens_count: bool
) -> Pieces:
    """Each sequence of tokens as pieces of at most `limit`."""
    tokens, facts, counts = array("i"), array("q"), array("q")
    for sequence in sequences:
        inner = len(sequence) - reading.before - reading.after
        # Most sequences fit, and there may be millions.
        cuts = [(0, inner, 0, inner)]
        if len(sequence) > limit:
            cuts = list(_overlapping(inner, limit - reading.before - reading.after, limit))
        first = sequence[: reading.before]
        last = sequence[len(sequence) - reading.after :]
        counts.append(len(cuts))
        for start, end, begin, stop in cuts:
            tokens.extend(first)
            tokens.extend(sequence[reading.before + start : reading.before + end])
            tokens.extend(last)
            begin, stop = (place - start + reading.before for place in (begin, stop))
            if special_tokens_count:
                begin = 0 if start == 0 else begin
                stop = stop + reading.after if end == inner else stop
            facts.extend((end - start + reading.before + reading.after, begin, stop))
    lengths, begins, ends = np.asarray(facts).reshape(-1, 3).T
    starts = lengths.cumsum() - lengths
    return Pieces(np.asarray(tokens), starts, lengths, begins, ends, np.asarray(counts))


def _overlapping(inner: int, size: int, limit: int) -> Iterator[tuple[int, int, int, int]]:
    """Start and end of pieces of one size, and of what is own to each: half of every overlap."""
    excess = inner - size
    steps = -(-excess // (size - int(limit * _OVERLAP)))
    starts = [step * excess // steps for step in range(steps + 1)]
    borders = [(start + before + size) // 2 for before, start in pairwise(starts)]
    for start, begin, stop in zip(starts, [0, *borders], [*borders, inner], strict=True):
        yield start, start + size, begin, stop


def batch_end(lengths: np.ndarray, start: int, tokens: int, pads: bool) -> int:
    """Where the batch ends that begins at `start` of sorted lengths, the longest first.

    A batch has at most `tokens` tokens, padding included, or is a single sequence. Its lengths are
    equal unless it is padded.
    """
    length = lengths[start]
    most = lengths[start : start + max(1, tokens // length)]
    return start + (len(most) if pads else int(np.count_nonzero(most == length)))
