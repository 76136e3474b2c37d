"""Which frames are coding: by the coordinates of an annotation, or by its translations."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_SPAN = 1 << 34  # more than the bases of any contig; leaves room for 89 million contigs
_SEED = 7  # residues that are looked up, 5 bits each; leaves room for 268 million contigs


class CodingRegions:
    """The coding regions of a sample, each on its lattice: contig, strand and reading frame.

    Regions of one lattice are joined where they overlap or touch. All lattices lie one after the
    other on a single line of numbers, so that a frame is found by bisection.
    """

    def __init__(self, table: pa.Table, contigs: Sequence[str]) -> None:
        start, end, phase = (
            table[c].to_numpy().astype(np.int64) for c in ("start", "end", "phase")
        )
        reverse = pc.equal(table["strand"], "-").to_numpy()
        codon = np.where(reverse, end - phase, start + phase)
        origin = _origin(_positions(table["contig"], contigs), reverse, codon)
        order = np.argsort(origin + start)
        # An empty region in front, so that every frame has one at or before its start.
        starts = np.append(-1, (origin + start)[order])
        ends = np.maximum.accumulate(np.append(-1, (origin + end)[order]))
        apart = starts[1:] > ends[:-1]
        self._starts = starts[np.append(True, apart)]
        self._ends = ends[np.append(apart, True)]

    def contain(
        self, contig: np.ndarray, start: np.ndarray, end: np.ndarray, reverse: np.ndarray
    ) -> np.ndarray:
        """Whether the whole codons at start-end (forward) lie in a region, in its reading frame.

        `contig` are positions in the list of contigs.
        """
        origin = _origin(contig, reverse, start)
        region = np.searchsorted(self._starts, origin + start, side="right") - 1
        return origin + end <= self._ends[region]


class Translations:
    """The translations of a sample, to be searched contig by contig."""

    def __init__(self, table: pa.Table, contigs: Sequence[str]) -> None:
        table = table.filter(pc.is_valid(table["translation"]))
        translations = table["translation"].to_pylist()
        self._text = "".join(f"{translation}\0" for translation in translations).encode()
        letters = np.frombuffer(self._text + bytes(_SEED), np.uint8)
        seeds = _seeds(np.lib.stride_tricks.sliding_window_view(letters, _SEED)[:-1])
        sizes = [len(translation) + 1 for translation in translations]
        keys = _keys(np.repeat(_positions(table["contig"], contigs), sizes), seeds)
        self._places = np.argsort(keys)
        self._keys = keys[self._places]

    def contain(self, contig: np.ndarray, proteins: Sequence[bytes]) -> np.ndarray:
        """Whether a protein is part of a translation of its contig, a position in the list."""
        heads = np.array(proteins, f"S{_SEED}").view(np.uint8).reshape(-1, _SEED)
        first = _keys(contig, _seeds(heads))
        # A shorter protein is found wherever its letters begin what was indexed.
        missing = np.maximum(_SEED - np.array([len(protein) for protein in proteins], np.int64), 0)
        low = np.searchsorted(self._keys, first)
        high = np.searchsorted(self._keys, first + (1 << 5 * missing))
        return np.array(
            [
                any(self._text.startswith(protein, place) for place in self._places[a:b])
                for protein, a, b in zip(proteins, low, high, strict=True)
            ],
            bool,
        )


def _positions(names: pa.ChunkedArray, contigs: Sequence[str]) -> np.ndarray:
    """Where each name stands in the list of contigs; an error if it does not."""
    positions = pc.index_in(names, value_set=pa.array(contigs, pa.string())).combine_chunks()
    return positions.to_numpy(zero_copy_only=True).astype(np.int64)


def _origin(contig: np.ndarray, reverse: np.ndarray, codon: np.ndarray) -> np.ndarray:
    """Where the lattice of a codon begins on the line; `codon` may be where it starts or ends."""
    return ((contig.astype(np.int64) * 2 + reverse) * 3 + codon % 3) * _SPAN


def _seeds(letters: np.ndarray) -> np.ndarray:
    """Rows of letters as numbers in the same order; J and * look alike, as letters are 5 bits."""
    seeds = np.zeros(len(letters), np.int64)
    for column in letters.T:
        seeds = seeds << 5 | column & 31
    return seeds


def _keys(contig: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    return contig.astype(np.int64) << 5 * _SEED | seeds
