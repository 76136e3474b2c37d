"""Windows read from the other strand."""

import numpy as np
from Bio.Seq import reverse_complement as reversed_letters
from tokenizers import Tokenizer

from seqloom.annotate.codec import Piece, place
from seqloom.annotate.examples import Example, tokenized
from seqloom.seqs.genes import Exon

_OTHER = {"+": "-", "-": "+"}


def reverse_complement(example: Example, tokenizer: Tokenizer) -> Example:
    """The window as its other strand has it; `place` still says where it lies in the genome."""
    letters = reversed_letters(example.letters)
    pieces = sorted((mirrored(piece, len(letters)) for piece in example.pieces), key=place)
    return Example(example.place, letters, *tokenized(letters, tokenizer), pieces)


def mirrored(piece: Piece, length: int) -> Piece:
    """A piece as seen from the other strand; a phase counts from where its exon is read."""
    exons = [Exon(length - end, length - start, phase) for start, end, phase in piece.exons[::-1]]
    strand = _OTHER[piece.strand]
    return Piece(strand, piece.biotype, tuple(exons), piece.cut_right, piece.cut_left)


def is_turned(seed: int, epoch: int, number: int) -> bool:
    """Whether an epoch reads this window from its other strand, as half of them are."""
    return bool(np.random.default_rng([seed, epoch, number]).integers(2))
