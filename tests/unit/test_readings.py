"""An architecture is read by its own rules: case, spaces, prefix, and which tokens are residues."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from models_data import write_tiny_model
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing

from seqloom.embedding.batches import pieces_of
from seqloom.embedding.engine import embed, pooled
from seqloom.embedding.loading import load_model
from seqloom.encoders.readings import READINGS, Reading

RARE = str.maketrans("UZOB", "XXXX")
AMINO, STRUCTURE = "ACDEFGHIKLMNPQRSTVWYX", "acdefghiklmnpqrstvwy"
TOKENS = ["<pad>", "</s>", "<unk>", *AMINO, *STRUCTURE, "<AA2fold>", "<fold2AA>"]
WIDTH = 4


def spaced(sequence: str) -> str:
    return " ".join(sequence.translate(RARE))


def prefixed(sequence: str) -> str:
    return f"{'<fold2AA>' if sequence.islower() else '<AA2fold>'} {spaced(sequence)}"


def tokenizer() -> Tokenizer:
    """Words between spaces, `</s>` after them, as T5 has it."""
    made = Tokenizer(WordLevel({token: i for i, token in enumerate(TOKENS)}, "<unk>"))
    made.pre_tokenizer = WhitespaceSplit()
    made.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return made


ESM = READINGS["esm"]
LAST_ONLY = replace(ESM, text=spaced, before=0)
WITH_PREFIX = replace(ESM, text=prefixed)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Its state at each token is the number of the token."""
    folder = tmp_path_factory.mktemp("model")
    write_tiny_model(folder, "protein")
    loaded = load_model(folder, "float32", 1)
    description = {**loaded.description, "width": WIDTH, "max_length": 20}

    def numbers(tokens, mask):
        return tokens[..., None].expand(-1, -1, WIDTH).float()

    return replace(loaded, description=description, encoder=numbers, tokenizer=tokenizer())


@pytest.mark.parametrize("reading", [LAST_ONLY, WITH_PREFIX], ids=["last", "prefix"])
@pytest.mark.parametrize("sequence", ["MKVU", "acdw", "M", "MKV" * 20])
def test_residues_alone_are_pooled_in_the_case_they_have(model, reading, sequence):
    model = replace(model, reading=reading)
    [row] = embed(model, ["x"], [sequence], too_long="split").rows
    size = 20 - reading.before - reading.after
    residues = [TOKENS.index("X" if letter == "U" else letter) for letter in sequence]
    # Of 60 residues, 18 fit into a piece with two special tokens, 19 with one.
    starts = {18: (0, 14, 28, 42), 19: (0, 13, 27, 41)}[size] if len(residues) > size else (0,)
    expected = np.mean([np.mean(residues[start : start + size]) for start in starts])
    np.testing.assert_allclose(row, expected, rtol=1e-6)


@pytest.mark.parametrize("reading", [LAST_ONLY, WITH_PREFIX, ESM], ids=["last", "prefix", "esm"])
def test_padding_and_special_tokens_are_not_pooled(model, reading):
    model = replace(model, reading=reading)
    special = reading.before + reading.after
    sequences = [[50] * reading.before + [7] * count + [60] * reading.after for count in (3, 1, 5)]
    pieces = pieces_of(sequences, 20, reading)
    rows = pooled(model, *pieces.padded(np.arange(3), 5 + special))
    assert torch.equal(rows, torch.full((3, WIDTH), 7.0))


@pytest.mark.parametrize("reading", [LAST_ONLY, WITH_PREFIX], ids=["last", "prefix"])
def test_each_piece_of_a_long_sequence_has_the_special_tokens(reading):
    first, last = [-1] * reading.before, [-2] * reading.after
    pieces = pieces_of([[*first, *range(50), *last]], 20, reading)
    rows, mask = pieces.padded(np.arange(len(pieces.lengths)), 20)
    assert mask is None and (rows[:, -1] == -2).all()
    inner = rows[:, reading.before : -1]
    assert (rows[:, : reading.before] == -1).all() and set(inner.flat) == set(range(50))
    assert all(len(set(a) & set(b)) >= 2 for a, b in pairwise(inner))


def test_the_prefix_is_that_of_the_letters():
    reading: Reading = WITH_PREFIX
    upper, lower = reading.token_ids(tokenizer(), ["MB", "md"])
    assert upper == [TOKENS.index(t) for t in ("<AA2fold>", "M", "X", "</s>")]
    assert lower == [TOKENS.index(t) for t in ("<fold2AA>", "m", "d", "</s>")]
