"""How long the reading frames of a window stay open: the first sign of a gene.

A frame of hundreds of bases is more than the convolution sees, and a network learns only slowly to
look for the stop codons of six frames.
"""

from functools import cache

import numpy as np
from Bio.Seq import reverse_complement

from seqloom.annotate.codec import STRANDS
from seqloom.annotate.signals import start_and_stop_codons

UNKNOWN_BASE = 4
_USUAL = 4.0  # the logarithm for a frame of 50 codons


def open_codons(bases: np.ndarray, genetic_code: int) -> np.ndarray:
    """[L, 2] for each base and strand, of bases 0 to 4 for A, C, G, T and all else.

    The logarithm of 1 + the number of codons without a stop around the codon whose leftmost base
    this is, in its frame, divided by 4, so that it is about 1; 0 for a stop codon.
    """
    found = np.zeros((len(bases), len(STRANDS)), np.float32)
    if len(bases) < 3:
        return found
    codons = 25 * bases[:-2] + 5 * bases[1:-1] + bases[2:]
    for column, strand in enumerate(STRANDS):
        lengths = _run_lengths(_stops(strand, genetic_code)[codons])
        found[: len(codons), column] = np.log1p(lengths) / _USUAL
    return found


@cache
def _stops(strand: str, genetic_code: int) -> np.ndarray:
    """Of each codon, as a number to the base of 5, whether it is a stop codon on this strand."""
    _, stops = start_and_stop_codons(genetic_code)
    if strand == "-":
        stops = map(reverse_complement, stops)
    is_stop = np.zeros(5**3, bool)
    for codon in stops:
        first, second, third = map("ACGT".index, codon)
        is_stop[25 * first + 5 * second + third] = True
    return is_stop


def _run_lengths(is_stop: np.ndarray) -> np.ndarray:
    """The number of codons between the stops before and after each, in its frame; 0 for stops."""
    missing = -len(is_stop) % 3
    frames = np.pad(is_stop, (0, missing), constant_values=True).reshape(-1, 3)
    row = np.arange(len(frames))[:, None]
    before = np.maximum.accumulate(np.where(frames, row, -1))
    after = np.minimum.accumulate(np.where(frames, row, len(frames))[::-1])[::-1]
    return np.where(frames, 0, after - before - 1).reshape(-1)[: len(is_stop)]
