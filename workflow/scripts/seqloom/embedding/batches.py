"""Pieces of sequences that are too long for an encoder, and batches of similar length."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from seqloom.encoders.readings import Reading

# Neighboring pieces overlap by at least this part of the longest input.
_OVERLAP = 1 / 8


@dataclass(frozen=True)
class Pieces:
    """Tokens of all pieces of all sequences, one after the other in one array."""

    tokens: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    counts: np.ndarray  # how many pieces each sequence has

    def padded(self, chosen: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Tokens of the chosen pieces [pieces, length], and a mask of them if any is padding."""
        columns = np.arange(length)
        mask = columns < self.lengths[chosen, None]
        places = self.starts[chosen, None] + columns
        if mask.all():
            return self.tokens[places], None
        return self.tokens[places * mask] * mask, mask


def pieces_of(sequences: Iterable[list[int]], limit: int, reading: Reading) -> Pieces:
    """Each sequence of tokens as pieces of at most `limit`."""
    tokens, lengths, counts = array("i"), array("q"), array("q")
    for sequence in sequences:
        pieces = overlapping_pieces(sequence, limit, reading)
        counts.append(len(pieces))
        for piece in pieces:
            tokens.extend(piece)
            lengths.append(len(piece))
    sizes = np.asarray(lengths)
    return Pieces(np.asarray(tokens), sizes.cumsum() - sizes, sizes, np.asarray(counts))


def overlapping_pieces(tokens: list[int], limit: int, reading: Reading) -> list[list[int]]:
    """Pieces of one length, at most `limit` tokens; each has the special tokens of both ends.

    A sequence that fits is one piece.
    """
    if len(tokens) <= limit:
        return [tokens]
    start, end = reading.before, len(tokens) - reading.after
    first, inner, last = tokens[:start], tokens[start:end], tokens[end:]
    size = limit - len(first) - len(last)
    excess = len(inner) - size
    steps = -(-excess // (size - int(limit * _OVERLAP)))
    starts = [step * excess // steps for step in range(steps + 1)]
    return [[*first, *inner[start : start + size], *last] for start in starts]


def batch_end(lengths: np.ndarray, start: int, tokens: int, pads: bool) -> int:
    """Where the batch ends that begins at `start` of sorted lengths, the longest first.

    A batch has at most `tokens` tokens, padding included, or is a single sequence. Its lengths are
    equal unless it is padded.
    """
    length = lengths[start]
    most = lengths[start : start + max(1, tokens // length)]
    return start + (len(most) if pads else int(np.count_nonzero(most == length)))
