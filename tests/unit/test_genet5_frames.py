"""How long reading frames stay open, against a loop over codons."""

import math
import random

import numpy as np
import pytest
from Bio.Data import CodonTable
from Bio.Seq import reverse_complement
from genet5_data import example, letters

from seqloom.genet5.batches import window_batch


def expected(sequence, strand, code):
    """By the description: go left and right codon by codon until a stop or the edge."""
    stops = CodonTable.unambiguous_dna_by_id[code].stop_codons

    def is_open(start):
        codon = sequence[start : start + 3]
        if strand == "-":
            codon = reverse_complement(codon)
        return 0 <= start <= len(sequence) - 3 and codon not in stops

    found = []
    for base in range(len(sequence)):
        left = right = 0
        if is_open(base):
            while is_open(base + 3 * right):
                right += 1
            while is_open(base - 3 * (left + 1)):
                left += 1
        found.append(math.log1p(left + right) / 4)
    return found


@pytest.mark.parametrize("code", [1, 4])
@pytest.mark.parametrize("length", [90, 91, 92])
def test_frames_are_open_between_their_stop_codons(code, length):
    draw = random.Random(length)
    sequence = letters(draw, length - 20) + "N" * 5 + letters(draw, 15)
    windows = window_batch([example(sequence, [], code), example(letters(draw, 120), [], code)])
    for column, strand in enumerate("+-"):
        found = windows.open_codons[0, :length, column]
        np.testing.assert_allclose(found, expected(sequence, strand, code), rtol=1e-6)
    assert not windows.open_codons[0, length:].any()


def test_windows_shorter_than_a_codon_have_no_frames():
    assert not window_batch([example("AC", [])]).open_codons.any()
