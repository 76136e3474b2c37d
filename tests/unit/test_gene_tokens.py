"""The three commands that extend DNABERT by the tokens of targets, with its real tokenizer."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from facts import dnabert_tokenizer

from seqloom.annotate.codec import STRUCTURE, Codec
from seqloom.annotate.resizing import EMBEDDINGS
from seqloom.annotate.tokens import extended_tokenizer
from seqloom.demo.model_shapes import CONFIGS
from seqloom.encoders.architectures import build_encoder
from seqloom.encoders.tokenizers import load_tokenizer
from seqloom.errors import InputError
from seqloom.files.json_files import write_json
from seqloom.models.random_weights import random_tensors
from seqloom.models.weights import load_weights, read_tensors, write_weights

SCRIPT = Path(__file__).parents[2] / "workflow/scripts/gene_tokens.py"
BIOTYPES = ("CDS", "tRNA", "rRNA")


def gene_tokens(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True)


def test_list_append_and_resize_keep_all_that_was_there(tmp_path):
    dna = dnabert_tokenizer(tmp_path)
    config = CONFIGS["dnabert"] | {"hidden_size": 24, "num_attention_heads": 2}
    config |= {"num_hidden_layers": 1, "intermediate_size": 32, "vocab_size": 4096}
    model = tmp_path / "model"
    model.mkdir()
    write_json(model / "config.json", config)
    tensors = random_tensors(build_encoder("dnabert", config, "config.json"), 1)
    write_weights(model / "model.safetensors", {f"bert.{n}": t for n, t in tensors.items()})
    before = dna.read_bytes()

    tokens, extended, grown = tmp_path / "t.txt", tmp_path / "new.json", tmp_path / "grown"
    assert gene_tokens("list", "--biotypes", *BIOTYPES, "--out", tokens).returncode == 0
    append = ["append", "--tokenizer", dna, "--tokens", tokens, "--out", extended]
    assert gene_tokens(*append).returncode == 0
    done = gene_tokens("resize", "--model", model, "--tokenizer", extended, "--out", grown)
    assert done.returncode == 0, done.stderr

    assert dna.read_bytes() == before
    old, new = load_tokenizer(dna), load_tokenizer(grown / "tokenizer.json")
    names = Codec(BIOTYPES).tokens
    assert names[: len(STRUCTURE)] == list(STRUCTURE)
    added = {name: 4096 + number for number, name in enumerate(names)}
    assert new.get_vocab() == old.get_vocab() | added
    for name, number in added.items():
        assert new.encode(name, add_special_tokens=False).ids == [number]
        assert new.decode([number], skip_special_tokens=False) == name
    sequence = "ACGTTGCANNACGATTTACAGGCA"
    assert new.encode(sequence).ids == old.encode(sequence).ids

    weights = read_tensors([grown / "model.safetensors"])
    assert weights.keys() == tensors.keys()
    assert torch.equal(weights[EMBEDDINGS][:4096], tensors[EMBEDDINGS])
    assert all(torch.equal(weights[n], t) for n, t in tensors.items() if n != EMBEDDINGS)
    rows = weights[EMBEDDINGS][4096:]
    assert len(rows) == len(names) and len({tuple(row) for row in rows.tolist()}) == len(names)
    with torch.device("meta"):
        larger = build_encoder("dnabert", config | {"vocab_size": 4096 + len(names)}, "")
    load_weights(larger, grown / "model.safetensors")


@pytest.mark.parametrize("step", ["append", "resize"])
def test_nothing_is_changed_in_place(tmp_path, step):
    dna = dnabert_tokenizer(tmp_path)
    (tmp_path / "t.txt").write_text("<bos>\n")
    arguments = {
        "append": ["--tokenizer", dna, "--tokens", tmp_path / "t.txt", "--out", dna],
        "resize": ["--model", tmp_path, "--tokenizer", dna, "--out", tmp_path],
    }
    done = gene_tokens(step, *arguments[step])
    assert done.returncode == 1
    assert "give another --out" in done.stderr.splitlines()[-1]


def test_a_tokenizer_is_extended_once(tmp_path):
    extended = extended_tokenizer(load_tokenizer(dnabert_tokenizer(tmp_path)), ["<bos>"])
    with pytest.raises(InputError, match="has the token <bos> already"):
        extended_tokenizer(extended, ["<eos>", "<bos>"])
