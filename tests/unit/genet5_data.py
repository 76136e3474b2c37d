"""Small windows with genes and small models of them."""

import random
from functools import cache

import torch
from tokenizers import Tokenizer

from seqloom.annotate.codec import Codec, Piece
from seqloom.annotate.examples import Example, Place, tokenized
from seqloom.encoders.tokenizers import train_dna_tokenizer
from seqloom.genet5.initial import initial_model
from seqloom.genet5.network import GeneT5
from seqloom.genet5.shape import Shape
from seqloom.seqs.genes import Exon

BIOTYPES = ("CDS", "tRNA")
_STOPS = {"TAA", "TAG", "TGA"}
_OPEN = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT" if a + b + c not in _STOPS]


@cache
def dna_tokenizer() -> Tokenizer:
    return train_dna_tokenizer([letters(random.Random(0), 20_000)])


def letters(draw: random.Random, length: int) -> str:
    return "".join(draw.choices("ACGT", k=length))


def shape(**changes) -> Shape:
    tokens = dna_tokenizer().get_vocab_size()
    small = {"width": 32, "layers": 2, "decoder_layers": 2, "heads": 4, "inner": 48}
    return Shape(tokens, BIOTYPES, **small | changes)


def codec() -> Codec:
    return shape().codec


def model(seed: int = 0, **changes) -> GeneT5:
    return initial_model(shape(**changes), seed)[0].eval()


def example(sequence: str, pieces: list[Piece], code: int = 11, contig: str = "c") -> Example:
    place = Place("s", contig, 0, len(sequence), "train", code)
    return Example(place, sequence, *tokenized(sequence, dna_tokenizer()), pieces)


def gene(draw: random.Random, codons: int) -> str:
    """A bacterial gene of the forward strand."""
    return "ATG" + "".join(draw.choices(_OPEN, k=codons)) + draw.choice(sorted(_STOPS))


def gene_example(seed: int, spacer: int = 60, codons: int = 30, genes: int = 1) -> Example:
    """A window with genes of the forward strand."""
    draw = random.Random(seed)
    sequence, pieces = letters(draw, spacer + draw.randrange(20)), []
    for _ in range(genes):
        coding = gene(draw, codons + draw.randrange(10))
        start = len(sequence)
        pieces.append(Piece("+", "CDS", (Exon(start, start + len(coding), 0),)))
        sequence += coding + letters(draw, spacer + draw.randrange(20))
    return example(sequence, pieces)


def mixed_examples() -> list:
    """Windows of other lengths: with two genes, none, unknown bases, and other biotypes."""
    draw = random.Random(5)
    with_unknown = letters(draw, 50) + "N" * 30 + letters(draw, 77)
    trna = Piece("-", "tRNA", (Exon(10, 60, None), Exon(80, 100, None)), cut_right=True)
    return [
        gene_example(1, genes=2),
        example(letters(draw, 90), []),
        example(with_unknown, [trna]),
    ]


def steps_of(targets) -> tuple[torch.Tensor, torch.Tensor]:
    """What the decoder reads in training."""
    return targets.tokens[:, :-1], targets.positions[:, :-1]
