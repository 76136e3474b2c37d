"""How a backend reads a sequence: which letters become which text, which tokens are residues."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from tokenizers import Tokenizer

from seqloom.encoders.architectures import ARCHITECTURES
from seqloom.encoders.tokenizers import token_ids

# What stored sequences are written in, beside rarer letters.
LETTERS = {"dna": "ACGT", "protein": "ACDEFGHIKLMNPQRSTVWY"}


@dataclass(frozen=True)
class Reading:
    """The keys of `reading` in models.yaml, and the special tokens around the residues."""

    before: int  # with the prefix
    after: int
    prefix: str = ""
    spaces: bool = False
    lower: bool = False
    as_x: str = ""

    def text(self, sequence: str) -> str:
        """What the tokenizer is given; to most, letters of the other case are unknown."""
        letters = sequence.upper().translate(dict.fromkeys(map(ord, self.as_x), "X"))
        letters = letters.lower() if self.lower else letters
        return self.prefix + (" ".join(letters) if self.spaces else letters)

    def token_ids(self, tokenizer: Tokenizer, sequences: Iterable[str]) -> list[list[int]]:
        """Ids of each sequence, special tokens included."""
        return token_ids(tokenizer, [self.text(sequence) for sequence in sequences])


def reading_of(
    architecture: str, molecule: str, keys: Mapping[str, Any], tokenizer: Tokenizer
) -> Reading:
    """The reading that a backend of this architecture has with these keys of models.yaml."""
    known = ARCHITECTURES[architecture]
    if known.before is None:
        return _found(molecule, keys, tokenizer)
    return Reading(known.before + bool(keys.get("prefix")), known.after, **keys)


def _found(molecule: str, keys: Mapping[str, Any], tokenizer: Tokenizer) -> Reading:
    """The reading with as many special tokens as all sequences of one letter have in common."""
    written, letters = Reading(0, 0, **keys), LETTERS[molecule]
    single = written.token_ids(tokenizer, letters)
    both = written.token_ids(tokenizer, [letters, letters[::-1]])
    if len({tuple(ids) for ids in single}) < len(letters) or both[0] == both[1]:
        raise ValueError(
            f"the tokenizer does not tell letters apart: {written.text(letters[0])!r} is "
            f"{single[0]}, {written.text(letters)!r} is {both[0]}; "
            "correct `reading` (spaces, lower)"
        )
    before, after = _shared(single), _shared([ids[::-1] for ids in single])
    return Reading(before, after, **keys)


def _shared(sequences: list[list[int]]) -> int:
    """How many ids at the start of all sequences are the same."""
    places = zip(*sequences, strict=False)
    return sum(1 for _ in takewhile(lambda ids: len(set(ids)) == 1, places))
