"""The six frames of many windows at once.

A codon number is computed for each base of a batch; a frame is every third of these numbers. Stops
are rare, so a binary search in their sorted positions finds the stops of a frame.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from Bio.Data.CodonTable import unambiguous_dna_by_id

from seqloom.config.cut import Cut
from seqloom.errors import InputError
from seqloom.seqs.hashing import mixed
from seqloom.seqs.windows import Batch

FRAMES = ("F1", "F2", "F3", "R1", "R2", "R3")
NO_FRAME = {
    "no_open_frame": "no open frame",
    "ambiguous": "too many ambiguous bases",
    "not_coding": "no coding frame",
}
STATUSES = ("ok", *NO_FRAME)
_COMPLEMENT = bytes.maketrans(b"ACGTRYMKBVDH", b"TGCAYRKMVBHD")
_COMPLEMENT_OF_ACGT = bytes.maketrans(b"ACGT", b"TGCA")
_DIGITS = bytes(b"ACGT".find(byte) % 5 for byte in range(256))
_AMBIGUOUS_CODONS = bytes(
    codon for codon in range(125) if 4 in (codon // 25, codon // 5 % 5, codon % 5)
)
_STOPS, _AMBIGUOUS = (1, 2), (4, 4)  # bits of codon kinds on the forward and reverse strand
_REVERSE = np.arange(6) >= 3
_SHIFT = np.arange(6) % 3


@dataclass(frozen=True)
class Frames:
    """The six frames of each window, as arrays [windows, 6] in the order of FRAMES.

    Positions are those of bases in the batch, on the forward strand: codons lie in [begin, end),
    the nucleotides that are written in [first, last).
    """

    codons: bytes  # the number of the codon that begins at each base
    begin: np.ndarray
    end: np.ndarray
    first: np.ndarray
    last: np.ndarray
    length: np.ndarray  # residues
    ambiguous: np.ndarray  # number of X among the residues
    open: np.ndarray  # has no stop and is long enough
    kept: np.ndarray  # is open and chosen by the rule of the cut


@cache
def codon_table(genetic_code: int) -> np.ndarray:
    """The residue (ASCII) of codon 25 a + 5 b + c, where ACGT are 0 to 3 and other letters 4."""
    if genetic_code not in unambiguous_dna_by_id:
        known = ", ".join(map(str, sorted(unambiguous_dna_by_id)))
        raise InputError(f"genetic code {genetic_code} does not exist; choose one of {known}")
    code = unambiguous_dna_by_id[genetic_code]
    # A codon that is both stop and amino acid counts as amino acid.
    letters = dict.fromkeys(code.stop_codons, "*") | code.forward_table
    table = np.full(125, ord("X"), np.uint8)
    for codon, letter in letters.items():
        first, second, third = codon.encode().translate(_DIGITS)
        table[25 * first + 5 * second + third] = ord(letter)
    return table


def read_frames(
    batch: Batch, cut: Cut, genetic_code: int, planned: np.ndarray | None = None
) -> Frames:
    """The six frames of every window of a batch, by the rule of the cut.

    `planned` are the kept frames of a plan; with them, stops are not searched again.
    """
    numbers = _codon_numbers(batch.bases)
    kinds = numbers.translate(_kinds(genetic_code))
    ambiguous_places = _places(kinds, *_AMBIGUOUS)
    offset, size = batch.offset[:, None], (batch.end - batch.start)[:, None]
    codons = np.maximum(size - _SHIFT, 0) // 3
    begin = offset + np.where(_REVERSE, size - _SHIFT - 3 * codons, _SHIFT)
    place = begin // 3 + (begin % 3 + 3 * _REVERSE) * _codons_in_phase(len(numbers))
    if cut.frames == "longest_orf":
        stretches = _long_stretches(_places(kinds, *_STOPS), place, codons, cut.min_codons)
        is_open, kept, skipped, codons = _longest(
            stretches, ambiguous_places, place, _tie_breakers(batch), cut
        )
        begin, place = begin + 3 * skipped, place + skipped
    elif planned is None:
        stops = _places(kinds, *_STOPS)
        # Transposed, because a search is twice as fast if the places ascend.
        following = np.searchsorted(stops, place.T).T
        next_stop = np.append(stops, np.iinfo(stops.dtype).max)[following]
        is_open = kept = (codons > 0) & (next_stop >= place + codons)
    else:
        is_open = kept = planned
    ambiguous = _count(ambiguous_places, place, codons)
    end = begin + 3 * codons
    first, last, length = begin, end, codons
    if cut.frames == "open":
        kept = is_open & (ambiguous / np.maximum(codons, 1) <= cut.max_ambiguous)
    if cut.frames == "virnucpro":
        # VirNucPro deletes ambiguous codons and takes one base more than the others need.
        length, ambiguous = codons - ambiguous, np.zeros_like(ambiguous)
        kept = is_open & (length > 0)
        first = np.where(_REVERSE, np.maximum(end - 3 * length - 1, offset), begin)
        last = np.where(_REVERSE, end, np.minimum(begin + 3 * length + 1, offset + size))
    if cut.max_per_window:
        kept = _longest_of_window(kept, codons, _tie_breakers(batch), cut.max_per_window)
    return Frames(numbers, begin, end, first, last, length, ambiguous, is_open, kept)


def sequences(
    batch: Batch, frames: Frames, window: np.ndarray, frame: np.ndarray, cut: Cut, genetic_code: int
) -> tuple[list[bytes], list[bytes]]:
    """Nucleotides and proteins of the given frames of a batch."""
    legacy = cut.frames == "virnucpro"
    complement = _COMPLEMENT_OF_ACGT if legacy else _COMPLEMENT
    removed = _AMBIGUOUS_CODONS if legacy else b""
    bounds = (frames.begin, frames.end, frames.first, frames.last)
    begin, end, first, last = (bound[window, frame].tolist() for bound in bounds)
    reverse = (frame >= 3).tolist()
    tables, bases, codons = _both_tables(genetic_code), batch.bases, frames.codons
    nucleotides = [
        bases[a:b].translate(complement)[::-1] if turned else bases[a:b]
        for a, b, turned in zip(first, last, reverse, strict=True)
    ]
    proteins = [
        codons[a:b:3].translate(tables[turned], removed)[:: -1 if turned else 1]
        for a, b, turned in zip(begin, end, reverse, strict=True)
    ]
    return nucleotides, proteins


def open_stretches(bases: bytes, min_codons: int) -> list[bytes]:
    """What the six frames of a sequence say between stops, by the standard genetic code."""
    numbers = _codon_numbers(bases)
    readings = [
        numbers[shift::3].translate(table).replace(b"X", b"*")[::step]
        for table, step in zip(_both_tables(1), (1, -1), strict=True)
        for shift in range(3)
    ]
    return [text for reading in readings for text in reading.split(b"*") if len(text) >= min_codons]


def window_status(frames: Frames, kept: np.ndarray) -> np.ndarray:
    """The status of each window, as its position in STATUSES; `kept` are the used frames."""
    status = np.full(len(kept), STATUSES.index("no_open_frame"), np.uint8)
    status[frames.open.any(axis=1)] = STATUSES.index("ambiguous")
    status[frames.kept.any(axis=1)] = STATUSES.index("not_coding")
    status[kept.any(axis=1)] = STATUSES.index("ok")
    return status


def _codon_numbers(bases: bytes) -> bytes:
    """The number of the codon that begins at each base, as in `codon_table`."""
    digits = np.frombuffer(bases.translate(_DIGITS), np.uint8)
    return (25 * digits[:-2] + 5 * digits[1:-1] + digits[2:]).tobytes()


@cache
def _both_tables(genetic_code: int) -> tuple[bytes, bytes]:
    """Two tables from codon numbers to residues, for the forward and the reverse strand."""
    table, complement = codon_table(genetic_code), np.array([3, 2, 1, 0, 4])
    reverse = table.reshape(5, 5, 5)[np.ix_(complement, complement, complement)].T
    return table.tobytes().ljust(256), reverse.tobytes().ljust(256)


@cache
def _kinds(genetic_code: int) -> bytes:
    """A table from codon numbers to kinds: bits for a stop on either strand, and for ambiguous."""
    forward, reverse = (np.frombuffer(table, np.uint8) for table in _both_tables(genetic_code))
    stops = (_STOPS[0] * (forward == ord("*"))) | (_STOPS[1] * (reverse == ord("*")))
    return (stops | (_AMBIGUOUS[0] * (forward == ord("X")))).astype(np.uint8).tobytes()


def _codons_in_phase(codons: int) -> int:
    return codons // 3 + 2


def _places(kinds: bytes, forward: int, reverse: int) -> np.ndarray:
    """The sorted places of codons of these kinds.

    Places number the codons by strand, phase and position, so a frame is a range of places.
    """
    # Most batches have no ambiguous codon, so this cheap test saves the search.
    if not any(kind & (forward | reverse) and kind in kinds for kind in range(8)):
        return np.zeros(0, np.int64)
    phases = np.zeros((_codons_in_phase(len(kinds)), 3), np.uint8)
    phases.ravel()[: len(kinds)] = np.frombuffer(kinds, np.uint8)
    phases = phases.T.ravel()
    places = [np.flatnonzero(phases & kind > 0) for kind in (forward, reverse)]
    return np.concatenate([places[0], places[1] + len(phases)])


def _count(places: np.ndarray, first: np.ndarray, codons: np.ndarray) -> np.ndarray:
    """How many of the places lie in each range of codons."""
    return np.searchsorted(places, first + codons) - np.searchsorted(places, first)


def _tie_breakers(batch: Batch) -> np.ndarray:
    """A pseudorandom number per frame; a choice by position would favor the forward strand."""
    return mixed(6 * batch.number[:, None] + np.arange(6))


def _longest_of_window(
    kept: np.ndarray, codons: np.ndarray, tie_breakers: np.ndarray, most: int
) -> np.ndarray:
    """The `most` longest frames of each window; `tie_breakers` decide between equal lengths."""
    rank = np.argsort(np.lexsort((tie_breakers, -codons, ~kept), axis=1), axis=1)
    return kept & (rank < most)


def _long_stretches(
    stops: np.ndarray, place: np.ndarray, codons: np.ndarray, min_codons: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All long stretches between stops: flat index of the frame, codons before it, length."""
    place, codons = place.ravel(), codons.ravel()
    low, high = np.searchsorted(stops, place), np.searchsorted(stops, place + codons)
    counts = high - low + 1
    frame = np.repeat(np.arange(len(place)), counts)
    # The stop that ends each stretch; the last stretch ends with its frame.
    stop = np.arange(len(frame)) - np.repeat(np.cumsum(counts) - counts - low, counts)
    padded = np.append(stops, 0)
    begin = np.where(stop == low[frame], place[frame], padded[stop - 1] + 1)
    end = np.where(stop == high[frame], (place + codons)[frame], padded[stop])
    long = end - begin >= min_codons
    return frame[long], (begin - place[frame])[long], (end - begin)[long]


def _longest(
    stretches: tuple[np.ndarray, np.ndarray, np.ndarray],
    ambiguous_places: np.ndarray,
    place: np.ndarray,
    tie_breakers: np.ndarray,
    cut: Cut,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The longest stretch of each window with few X: open, kept, codons before it, length."""
    frame, before, length = stretches
    is_open, kept = np.zeros((2, *place.shape), bool)
    skipped, codons = np.zeros((2, *place.shape), np.int64)
    is_open.flat[frame] = True
    x = _count(ambiguous_places, place.ravel()[frame] + before, length)
    clear = x / length <= cut.max_ambiguous
    frame, before, length = frame[clear], before[clear], length[clear]
    order = np.lexsort((tie_breakers.ravel()[frame], -length, frame // 6))
    _, first = np.unique(frame[order] // 6, return_index=True)
    best = order[first]
    kept.flat[frame[best]] = True
    skipped.flat[frame[best]], codons.flat[frame[best]] = before[best], length[best]
    return is_open, kept, skipped, codons
