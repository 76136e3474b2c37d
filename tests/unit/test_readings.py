"""A backend is read by its own rules: case, spaces, prefix, and which tokens are residues."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from models_data import write_tiny_model
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing

from seqloom.embedding.engine import embed
from seqloom.embedding.loading import load_model
from seqloom.encoders.readings import Reading, reading_of

TOKENS = ["<pad>", "</s>", "<unk>", *"ACDEFGHIKLMNPQRSTVWYX", *"acdefghiklmnpqrstvwy", "<AA2fold>"]
WIDTH = 4


def tokenizer() -> Tokenizer:
    """Words between spaces, `</s>` after them, as T5 has it."""
    words = Tokenizer(WordLevel({token: i for i, token in enumerate(TOKENS)}, "<unk>"))
    words.pre_tokenizer = WhitespaceSplit()
    words.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return words


READINGS = {
    "plain": Reading(before=0, after=1, spaces=True, as_x="UZOB"),
    "prefix": Reading(before=1, after=1, prefix="<AA2fold> ", spaces=True, as_x="UZOB"),
    "lower": Reading(before=0, after=1, spaces=True, lower=True),
}


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


@pytest.mark.parametrize("name", READINGS)
@pytest.mark.parametrize("sequence", ["MKVU", "acdw", "M", "MKV" * 20])
def test_the_mean_is_over_each_residue_once_in_the_letters_that_are_read(model, name, sequence):
    model = replace(model, reading=READINGS[name])
    [row] = embed(model, ["x"], [sequence], too_long="split").rows
    letters = sequence.lower() if name == "lower" else sequence.upper().replace("U", "X")
    known = [TOKENS.index(letter if letter in TOKENS else "<unk>") for letter in letters]
    np.testing.assert_allclose(row, np.mean(known), rtol=1e-6)


@pytest.mark.parametrize("name", READINGS)
def test_single_residues_are_those_of_the_sequence_in_order(model, name):
    model = replace(model, reading=READINGS[name])
    sequences = ["MKVU", "ACD" * 30, "W", "MKVU"]
    found = embed(model, sequences, sequences, too_long="split", residues=True)
    assert found.counts.tolist() == [4, 90, 1, 4]
    text = "".join(sequences)
    letters = text.lower() if name == "lower" else text.replace("U", "X")
    known = [TOKENS.index(letter if letter in TOKENS else "<unk>") for letter in letters]
    assert found.rows.tolist() == [[i] * WIDTH for i in known]


def test_padding_is_not_averaged(model):
    padded = replace(model, device=torch.device("meta"), reading=READINGS["prefix"])
    assert padded.device.type != "cpu"  # what a GPU is given
    sequences = ["AAA", "A", "AAAAAAA"]
    moved = replace(padded, encoder=model.encoder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seqloom.embedding.compute._on_device", lambda array, _: torch.tensor(array))
        rows = embed(moved, sequences, sequences, tokens_per_batch=99).rows
    assert (rows == TOKENS.index("A")).all()


@pytest.mark.parametrize(
    ("architecture", "keys", "before", "after"),
    [
        ("t5", {}, 0, 1),
        ("t5", {"prefix": "<AA2fold>"}, 1, 1),
        ("esm", {}, 1, 1),
        # Found from the tokenizer.
        ("transformers", {"spaces": True}, 0, 1),
        ("transformers", {"spaces": True, "prefix": "<AA2fold> A "}, 2, 1),
    ],
)
def test_the_special_tokens_of_a_backend(architecture, keys, before, after):
    expected = Reading(before, after, **keys)
    assert reading_of(architecture, "protein", keys, tokenizer()) == expected


@pytest.mark.parametrize("keys", [{}, {"spaces": True, "lower": True, "as_x": "ABCDEFGHI"}])
def test_a_tokenizer_that_does_not_tell_letters_apart_is_refused(keys):
    if keys:
        words = Tokenizer(WordLevel({"<unk>": 0, "A": 1}, "<unk>"))
        words.pre_tokenizer = WhitespaceSplit()
    else:
        words = tokenizer()
    with pytest.raises(ValueError, match=r"does not tell letters apart: .* correct `reading`"):
        reading_of("transformers", "protein", keys, words)
