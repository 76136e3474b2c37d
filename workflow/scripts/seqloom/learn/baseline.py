"""The baseline for language models: logistic regression on 4-mer frequencies of the same frames."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from seqloom.seqs.shards import read_records

KMER = 4
LETTERS = "ACGTN"
_CODES = np.full(256, LETTERS.index("N"))
_CODES[np.frombuffer(LETTERS.encode(), np.uint8)] = range(len(LETTERS))


def _canonical_columns() -> tuple[np.ndarray, int]:
    """The column of each 4-mer over ACGTN, shared by both strands, and the number of columns.

    All 4-mers with N share one extra column.
    """
    complement = str.maketrans("ACGT", "TGCA")
    kmers = ["".join(kmer) for kmer in itertools.product(LETTERS, repeat=KMER)]
    canonical = [min(kmer, kmer.translate(complement)[::-1]) for kmer in kmers]
    columns = {kmer: i for i, kmer in enumerate(sorted({k for k in canonical if "N" not in k}))}
    return np.array([columns.get(kmer, len(columns)) for kmer in canonical]), len(columns)


_COLUMN, COLUMNS = _canonical_columns()


def kmer_frequencies(sequence: str) -> np.ndarray:
    """Frequency of each canonical 4-mer, without those with N."""
    codes = _CODES[np.frombuffer(sequence.upper().encode(), np.uint8)]
    kmers = sum(
        codes[i : max(i, len(codes) - KMER + 1 + i)] * len(LETTERS) ** (KMER - 1 - i)
        for i in range(KMER)
    )
    counts = np.bincount(_COLUMN[kmers], minlength=COLUMNS + 1)[:COLUMNS]
    return counts / max(counts.sum(), 1)


def kmer_matrix(frames: pd.DataFrame, frame_files: Sequence[Path]) -> np.ndarray:
    """4-mer frequencies of the frames of `chosen_frames`, from the .fna beside each table."""
    matrix = np.empty((len(frames), COLUMNS), np.float32)
    for number, rows in frames.groupby("file"):
        _, sequences = read_records(frame_files[number].with_suffix(".fna"))
        for place, row in zip(rows.index, rows["row"], strict=True):
            matrix[place] = kmer_frequencies(sequences[row])
    return matrix


def fit_baseline(matrix: np.ndarray, viral: np.ndarray) -> Pipeline:
    """Standardized logistic regression; `decision_function` gives log-odds."""
    model = LogisticRegression(max_iter=1000)
    return make_pipeline(StandardScaler(), model).fit(matrix, viral)
