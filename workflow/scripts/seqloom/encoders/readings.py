"""How each architecture reads a sequence: as which text, by which tokenizer, in which tokens."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from seqloom.encoders.tokenizers import (
    esm_tokenizer,
    load_tokenizer,
    published_esm_tokenizer,
    token_ids,
    train_dna_tokenizer,
)


@dataclass(frozen=True)
class Reading:
    """What an architecture needs to know of a sequence before its first layer."""

    read_tokenizer: Callable[[Path], Tokenizer]  # from a published folder
    tokenizer_files: frozenset[str]  # without which that folder is incomplete
    demo_tokenizer: Callable[[Iterable[str]], Tokenizer]  # from demo genomes
    text: Callable[[str], str] = str.upper  # case, letters, spaces and prefix
    before: int = 1  # special tokens, among them a prefix, before the residues
    after: int = 1

    def token_ids(self, tokenizer: Tokenizer, sequences: Iterable[str]) -> list[list[int]]:
        """Ids of each sequence, special tokens included."""
        return token_ids(tokenizer, [self.text(sequence) for sequence in sequences])


def _tokenizer_json(folder: Path) -> Tokenizer:
    return load_tokenizer(folder / "tokenizer.json")


# To a tokenizer of DNA or proteins, lower-case letters are unknown ones.
READINGS = {
    "dnabert": Reading(_tokenizer_json, frozenset({"tokenizer.json"}), train_dna_tokenizer),
    "esm": Reading(published_esm_tokenizer, frozenset(), lambda _: esm_tokenizer()),
    "esmc": Reading(_tokenizer_json, frozenset({"tokenizer.json"}), lambda _: esm_tokenizer()),
}
