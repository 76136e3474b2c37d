"""Frequencies of 4-mers as an embedding without weights: a backend that any machine computes."""

import hashlib
import itertools
from collections.abc import Sequence

import numpy as np

K = 4
LETTERS = "ACGTN"
# In place of the checksum of weights, of which there are none.
SHA256 = hashlib.sha256(f"kmer {K}".encode()).hexdigest()
_SEQUENCES_TOGETHER = 256
_CODES = np.full(256, LETTERS.index("N"), np.int16)
_CODES[np.frombuffer(LETTERS.encode(), np.uint8)] = range(len(LETTERS))


def _canonical_columns() -> tuple[np.ndarray, int]:
    """The column of each k-mer over ACGTN, shared by both strands, and the number of columns.

    All k-mers with N share one extra column.
    """
    complement = str.maketrans("ACGT", "TGCA")
    kmers = ["".join(kmer) for kmer in itertools.product(LETTERS, repeat=K)]
    canonical = [min(kmer, kmer.translate(complement)[::-1]) for kmer in kmers]
    columns = {kmer: i for i, kmer in enumerate(sorted({k for k in canonical if "N" not in k}))}
    return np.array([columns.get(kmer, len(columns)) for kmer in canonical]), len(columns)


_COLUMN, COLUMNS = _canonical_columns()


def kmer_frequencies(sequences: Sequence[str], store: str = "float32") -> np.ndarray:
    """The frequency of each canonical k-mer in each sequence, times the number of columns.

    So each row has the mean 1, or is 0 where a sequence has no k-mer without N.
    """
    matrix = np.empty((len(sequences), COLUMNS), store)
    for start in range(0, len(sequences), _SEQUENCES_TOGETHER):
        counts = _counts(sequences[start : start + _SEQUENCES_TOGETHER])
        totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
        matrix[start : start + len(counts)] = counts * COLUMNS / totals
    return matrix


def _counts(sequences: Sequence[str]) -> np.ndarray:
    text = "N".join(sequences) + "N" * K
    codes = _CODES[np.frombuffer(text.upper().encode(), np.uint8)]
    places = len(codes) - K + 1
    kmers = sum(codes[i : i + places] * len(LETTERS) ** (K - 1 - i) for i in range(K))
    rows = np.repeat(np.arange(len(sequences)), [len(sequence) + 1 for sequence in sequences])
    size = len(sequences) * (COLUMNS + 1)
    counts = np.bincount(rows * (COLUMNS + 1) + _COLUMN[kmers], minlength=size)
    return counts.reshape(len(sequences), COLUMNS + 1)[:, :COLUMNS]
