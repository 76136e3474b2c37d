"""tokenizer.json for every backend, read and made with the bare `tokenizers` library."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tokenizers import Regex, Tokenizer
from tokenizers.models import BPE, WordLevel
from tokenizers.pre_tokenizers import Split, Whitespace
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer

from seqloom.errors import InputError

# The alphabet of ESM-1b and ESM-2, in the order of their ids.
ESM_TOKENS = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-"]
ESM_TOKENS += ["<null_1>", "<mask>"]
# The ids of ProtT5 and ProstT5; between letters and prefixes lie a hundred tokens of no use here.
T5_SPECIALS = ["<pad>", "</s>", "<unk>"]
T5_LETTERS = "ALGVSREDTIPKFQNYMHWCXBOUZ"
T5_STRUCTURE = "algvsredtipkfqnymhwc"
T5_PREFIXES = ("<fold2AA>", "<AA2fold>")
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


def kmer_vocabulary(tokens: list[str], folder: Path) -> dict[str, int]:
    """The ids of letters and of all words of k bases, as Nucleotide Transformer has them."""
    words = [token for token in tokens if token.isalpha() and len(token) > 1]
    sizes, bases = {len(word) for word in words}, {*"".join(words)}
    if words and (len(sizes) > 1 or bases != {*"ACGT"} or len(words) != 4 ** len(words[0])):
        raise InputError(
            f"{folder}/vocab.txt: words that are not all those of k bases are not read here; save "
            "the tokenizer as tokenizer.json"
        )
    return {token: i for i, token in enumerate(tokens)}


def kmer_tokenizer(
    vocabulary: dict[str, int], first: str, last: str | None, unknown: str
) -> Tokenizer:
    """From the left words of k bases, if there are any, and single letters where none fits."""
    letters = "".join(re.escape(token) for token in vocabulary if len(token) == 1)
    size = max(len(token) for token in vocabulary if token.isalpha())
    words = f"[ACGT]{{{size}}}|" if size > 1 else ""
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=unknown))
    # Neighbors that are not in the vocabulary are one unknown word.
    tokenizer.pre_tokenizer = Split(Regex(f"{words}[{letters}]|[^{letters}]+"), "isolated")
    tokenizer.post_processor = _between(first, last, vocabulary)
    return tokenizer


def t5_tokenizer(vocabulary: dict[str, int]) -> Tokenizer:
    """One token a letter, `</s>` after the last; other tokens of the vocabulary are prefixes."""
    tokenizer = Tokenizer(BPE(vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.add_special_tokens([token for token in vocabulary if len(token) > 1])
    tokenizer.post_processor = _between(None, "</s>", vocabulary)
    return tokenizer


def published_t5_tokenizer(folder: Path) -> Tokenizer:
    """T5 publishes a SentencePiece model, whose words are letters, and a list of added tokens."""
    # Not at the top: nothing else needs it.
    from sentencepiece import SentencePieceProcessor

    file = folder / "spiece.model"
    try:
        model = SentencePieceProcessor(model_file=str(file))
    except (OSError, RuntimeError) as error:
        raise InputError(f"{file}: not a SentencePiece model ({error})") from error
    tokens = {model.id_to_piece(i): i for i in range(model.get_piece_size())} | _added(folder)
    words = tokens | {token[1:]: i for token, i in tokens.items() if token.startswith("▁")}
    kept = [*T5_SPECIALS, *T5_PREFIXES]
    vocabulary = {word: i for word, i in words.items() if len(word) == 1 or word in kept}
    if missing := sorted({*T5_SPECIALS, *T5_LETTERS} - vocabulary.keys()):
        raise InputError(f"{file}: has no token {missing[0]}; is it the model of ProtT5?")
    return t5_tokenizer(vocabulary)


def _added(folder: Path) -> dict[str, int]:
    """Tokens beside the SentencePiece model, in either of the files that may name them."""
    simple, described = folder / "added_tokens.json", folder / "tokenizer_config.json"
    added = json.loads(simple.read_text()) if simple.exists() else {}
    if described.exists():
        tokens = json.loads(described.read_text()).get("added_tokens_decoder", {})
        added |= {token["content"]: int(i) for i, token in tokens.items()}
    return added


def demo_t5_tokenizer() -> Tokenizer:
    """The tokenizer of ProstT5, whose first tokens are those of ProtT5."""
    tokens = [*T5_SPECIALS, *T5_LETTERS]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    vocabulary |= {token: i for i, token in enumerate([*T5_STRUCTURE, *T5_PREFIXES], 128)}
    return t5_tokenizer(vocabulary)


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


def _between(first: str | None, last: str | None, vocabulary: dict[str, int]) -> TemplateProcessing:
    """A sequence between special tokens, either of which may be absent."""
    return TemplateProcessing(
        single=" ".join(filter(None, (first, "$A", last))),
        special_tokens=[(token, vocabulary[token]) for token in (first, last) if token],
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
