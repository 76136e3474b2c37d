"""tokenizer.json for every backend, read and made with the bare `tokenizers` library."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer

from seqloom.errors import InputError

# The alphabet of ESM-1b and ESM-2, in the order of their ids.
ESM_TOKENS = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-"]
ESM_TOKENS += ["<null_1>", "<mask>"]
DNA_SPECIALS = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
DNA_VOCABULARY = 4096
# Byte-pair training looks at pieces of this length: whole contigs as single words are slow.
TRAINING_PIECE = 300
TRAINING_BASES = 1_000_000


def load_tokenizer(path: str | Path) -> Tokenizer:
    """Read tokenizer.json; truncation and padding stored in it are switched off."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing finer
        raise InputError(f"{path}: not a tokenizer.json ({error})") from error
    # DNABERT-S's file pads and cuts everything to 2000 tokens.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    assert tokenizer.truncation is None and tokenizer.padding is None
    return tokenizer


def token_ids(tokenizer: Tokenizer, sequences: list[str]) -> list[list[int]]:
    """Ids of each sequence, special tokens included."""
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(sequences)]


def esm_tokenizer() -> Tokenizer:
    """One token a residue; letters outside the alphabet become <unk>."""
    vocabulary = {token: i for i, token in enumerate(ESM_TOKENS)}
    # BPE without merges splits into letters, faster than a regular expression.
    tokenizer = Tokenizer(BPE(vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.post_processor = _between("<cls>", "<eos>", vocabulary)
    return tokenizer


def published_esm_tokenizer(folder: Path) -> Tokenizer:
    """ESM publishes vocab.txt alone, which must be the known alphabet."""
    vocabulary = folder / "vocab.txt"
    if vocabulary.exists() and vocabulary.read_text().split() != ESM_TOKENS:
        raise InputError(f"{vocabulary}: not the 33 tokens of ESM-2, in their order")
    return esm_tokenizer()


def train_dna_tokenizer(sequences: Iterable[str]) -> Tokenizer:
    """A byte-pair tokenizer of the kind DNABERT-2 has, learned from the first bases it is given."""
    tokenizer = Tokenizer(BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    trainer = BpeTrainer(
        vocab_size=DNA_VOCABULARY,
        special_tokens=DNA_SPECIALS,
        initial_alphabet=list("ACGT"),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_training_pieces(sequences), trainer)
    tokenizer.post_processor = _between("[CLS]", "[SEP]", tokenizer.get_vocab())
    return tokenizer


def _between(first: str, last: str, vocabulary: dict[str, int]) -> TemplateProcessing:
    return TemplateProcessing(
        single=f"{first} $A {last}",
        special_tokens=[(token, vocabulary[token]) for token in (first, last)],
    )


def _training_pieces(sequences: Iterable[str]) -> Iterator[str]:
    """Pieces of A, C, G, T only, so that no other letter enters the alphabet."""
    bases = 0
    for sequence in sequences:
        for piece in re.findall(f"[ACGT]{{1,{TRAINING_PIECE}}}", sequence.upper()):
            if bases >= TRAINING_BASES:
                return
            yield piece
            bases += len(piece)
