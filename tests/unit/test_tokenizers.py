"""Tokens of both molecules: the real DNABERT file, ESM's alphabet, and the demo's own."""

import pytest
import transformers
from facts import dnabert_tokenizer

from seqloom.encoders.tokenizers import (
    DNA_SPECIALS,
    ESM_TOKENS,
    esm_tokenizer,
    load_tokenizer,
    token_ids,
    train_dna_tokenizer,
)
from seqloom.errors import InputError

# The first bases of segment 2 of influenza A (NC_007375.1): A GCAAAA GCAGG CAAA CCATT ...
INFLUENZA = "AGCAAAAGCAGGCAAACCATTTGAATGGATGTCAATCCGACCTTACTTTTCTTGAAAGTTCCAGCGCAAAATGCC"
INFLUENZA_IDS = [5, 291, 253, 49, 173, 513, 83, 56, 26, 158, 24, 91, 1637, 608, 19, 291, 139]


def test_the_published_dnabert_tokenizer_gives_the_published_tokens(tmp_path):
    tokenizer = load_tokenizer(dnabert_tokenizer(tmp_path))
    found = token_ids(tokenizer, [INFLUENZA, "ACGTNa", ""])
    assert found == [[1, *INFLUENZA_IDS, 2], [1, 5, 6, 1049, 0, 0, 2], [1, 2]]


def test_the_published_dnabert_tokenizer_neither_cuts_nor_pads(tmp_path):
    tokenizer = load_tokenizer(dnabert_tokenizer(tmp_path))
    [ids] = token_ids(tokenizer, ["ACGTTGCATTGACC" * 2000])
    assert "".join(map(tokenizer.id_to_token, ids[1:-1])) == "ACGTTGCATTGACC" * 2000
    assert len(ids) > 2000


def test_esm_alphabet():
    [ids] = token_ids(esm_tokenizer(), ["LAGVMXJ*"])
    assert ids == [0, 4, 5, 6, 7, 20, 24, 3, 3, 2]
    assert len(ESM_TOKENS) == 33 and (ESM_TOKENS[1], ESM_TOKENS[32]) == ("<pad>", "<mask>")
    assert token_ids(esm_tokenizer(), [""]) == [[0, 2]]


# With rare and ambiguous residues, gaps, and what is no token at all (J and *); of those
# EsmTokenizer takes several in a row as one, which ours does not.
LETTERS = "MKLVWACDEFGHIKLNPQRSTVWYXBUZOJ-.*"


def test_esm_equals_transformers(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(ESM_TOKENS))
    theirs = transformers.EsmTokenizer(str(tmp_path / "vocab.txt"))
    for sequence in (LETTERS, *LETTERS):
        assert token_ids(esm_tokenizer(), [sequence]) == [theirs(sequence)["input_ids"]]


def test_esm_c_as_saved_has_the_ids_of_esm(tmp_path):
    theirs = transformers.EsmcTokenizer()
    theirs.save_pretrained(tmp_path)
    tokenizer = load_tokenizer(tmp_path / "tokenizer.json")
    for sequence in ("", LETTERS, *LETTERS):
        ids = token_ids(tokenizer, [sequence])
        assert ids == [theirs(sequence)["input_ids"]] == token_ids(esm_tokenizer(), [sequence])


def test_a_protein_is_two_tokens_longer_than_its_residues():
    sequences = ["M" * 1022, "MX-.JJBUZO*"]
    assert [len(ids) for ids in token_ids(esm_tokenizer(), sequences)] == [1024, 13]


def test_trained_tokenizer(tmp_path):
    genome = "".join("ACGT"[(i * i // 7 + i // 3) % 4] for i in range(20_000))
    tokenizer = train_dna_tokenizer([genome[:9000] + "NNNNRY" + genome[9000:].lower()])
    vocabulary = tokenizer.get_vocab()
    first = sorted(vocabulary, key=vocabulary.get)[:9]
    assert first == [*DNA_SPECIALS, "A", "C", "G", "T"]
    assert 9 < len(vocabulary) <= 4096
    assert not any("N" in token for token in set(vocabulary) - set(DNA_SPECIALS))
    [ids] = token_ids(tokenizer, [genome[:300]])
    letters = {index: token for token, index in vocabulary.items()}
    assert "".join(letters[i] for i in ids[1:-1]) == genome[:300]
    assert len(ids) < 200
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert token_ids(load_tokenizer(tmp_path / "tokenizer.json"), [genome[:300]]) == [ids]


def test_same_training_same_tokenizer():
    genome = "ACGGTTTACCAGAT" * 500
    assert train_dna_tokenizer([genome]).to_str() == train_dna_tokenizer([genome]).to_str()


def test_damaged_file(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"tokenizer\.json: not a tokenizer"):
        load_tokenizer(tmp_path / "tokenizer.json")
