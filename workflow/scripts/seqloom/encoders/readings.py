"""How a backend reads a sequence: which letters become which text, which tokens are residues."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from seqloom.encoders.architectures import ARCHITECTURES
from seqloom.encoders.tokenizers import token_ids


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
        letters = sequence.lower() if self.lower else sequence.upper()
        letters = letters.translate(dict.fromkeys(map(ord, self.as_x), "X"))
        return self.prefix + (" ".join(letters) if self.spaces else letters)

    def token_ids(self, tokenizer: Tokenizer, sequences: Iterable[str]) -> list[list[int]]:
        """Ids of each sequence, special tokens included."""
        return token_ids(tokenizer, [self.text(sequence) for sequence in sequences])


def reading_of(architecture: str, keys: Mapping[str, Any]) -> Reading:
    """The reading that a backend of this architecture has with these keys of models.yaml."""
    known = ARCHITECTURES[architecture]
    return Reading(known.before + bool(keys.get("prefix")), known.after, **keys)
