"""Whether frames are coding, by the coordinates of an annotation or by its translations."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqloom.errors import InputError

_SPAN = 1 << 34  # longer than any contig; 89 million contigs fit into 64 bits
_SEED = 7  # residues in a seed, 5 bits each


class CodingRegions:
    """The coding regions of a sample by contig, strand and reading frame.

    Regions that share all three are merged where they overlap or touch. Each combination of the
    three has its own range of numbers, so one binary search finds a region among all contigs.
    """

    def __init__(self, table: pa.Table, contigs: Sequence[str]) -> None:
        start, end, phase = (
            table[c].to_numpy().astype(np.int64) for c in ("start", "end", "phase")
        )
        reverse = pc.equal(table["strand"], "-").to_numpy()
        codon = np.where(reverse, end - phase, start + phase)
        origin = _origin(_positions(table["contig"], contigs), reverse, codon)
        order = np.argsort(origin + start)
        # An empty region in front: so every frame has a region at or before its start.
        starts = np.append(-1, (origin + start)[order])
        ends = np.maximum.accumulate(np.append(-1, (origin + end)[order]))
        apart = starts[1:] > ends[:-1]
        self._starts = starts[np.append(True, apart)]
        self._ends = ends[np.append(apart, True)]

    def contain(
        self, contig: np.ndarray, start: np.ndarray, end: np.ndarray, reverse: np.ndarray
    ) -> np.ndarray:
        """Whether the codons at start-end (forward strand) lie in a region of their reading frame.

        `contig` holds positions in the list of contigs.
        """
        origin = _origin(contig, reverse, start)
        region = np.searchsorted(self._starts, origin + start, side="right") - 1
        return origin + end <= self._ends[region]


class Translations:
    """The annotated translations of a sample, for searches by contig."""

    def __init__(self, table: pa.Table, contigs: Sequence[str]) -> None:
        table = table.filter(pc.is_valid(table["translation"]))
        positions = _positions(table["contig"], contigs).tolist()
        self._texts: dict[int, bytes] = {}
        of_contigs = groupby(
            sorted(zip(positions, table["translation"].to_pylist(), strict=True)), itemgetter(0)
        )
        for contig, translations in of_contigs:
            self._texts[contig] = "\0".join(text for _, text in translations).encode()
        self._last = -1, _seed_index(b"")

    def contain(self, contig: np.ndarray, proteins: Sequence[bytes]) -> np.ndarray:
        """Whether each protein is part of a translation of its contig (a position in the list)."""
        proteins = iter(proteins)
        return np.array(
            [
                found
                for position, same in groupby(contig.tolist())
                for found in self._contains(position, [next(proteins) for _ in same])
            ],
            bool,
        )

    def _contains(self, contig: int, proteins: Sequence[bytes]) -> Iterator[bool]:
        text = self._texts.get(contig, b"")
        # Only one index is kept: it has 30 times the size of its text, and contigs come in order.
        if contig != self._last[0]:
            self._last = contig, _seed_index(text)
        places, seeds = self._last[1]
        heads = np.array(proteins, f"S{_SEED}").view(np.uint8).reshape(-1, _SEED)
        first = _seeds(heads)
        # A protein shorter than a seed matches every seed that begins with it.
        missing = np.maximum(_SEED - np.array([len(protein) for protein in proteins], np.int64), 0)
        low, high = (
            np.searchsorted(seeds, first),
            np.searchsorted(seeds, first + (1 << 5 * missing)),
        )
        for protein, a, b in zip(proteins, low, high, strict=True):
            yield any(text.startswith(protein, place) for place in places[a:b])


def _seed_index(text: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The positions of all seeds of a text, sorted by seed, and the sorted seeds."""
    letters = np.frombuffer(text + bytes(_SEED), np.uint8)
    seeds = _seeds(np.lib.stride_tricks.sliding_window_view(letters, _SEED)[:-1])
    places = np.argsort(seeds)
    return places, seeds[places]


def _positions(names: pa.ChunkedArray, contigs: Sequence[str]) -> np.ndarray:
    """The position of each name in the list of contigs; an error if it is not there."""
    positions = pc.index_in(names, value_set=pa.array(contigs, pa.string()))
    if positions.null_count:
        unknown = names.filter(pc.is_null(positions))[0]
        raise InputError(
            f'the coding sequences are of another sample: it has no contig "{unknown}"; '
            "make them with the records of this one"
        )
    return positions.to_numpy().astype(np.int64)


def _origin(contig: np.ndarray, reverse: np.ndarray, codon: np.ndarray) -> np.ndarray:
    """The begin of the range of numbers of each contig, strand and frame.

    `codon` is the start or the end of a codon, which gives the frame.
    """
    return ((contig.astype(np.int64) * 2 + reverse) * 3 + codon % 3) * _SPAN


def _seeds(letters: np.ndarray) -> np.ndarray:
    """Rows of letters as numbers that sort like the rows; in 5 bits a letter, J equals *."""
    seeds = np.zeros(len(letters), np.int64)
    for column in letters.T:
        seeds = seeds << 5 | column & 31
    return seeds
