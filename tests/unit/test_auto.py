"""Encoders of transformers as backends of the config: from a folder of theirs to rows of ours."""

import json
import os
import random
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from hub_stand_in import serving
from models_data import randomize, write_shard, write_tiny_model
from own_models import (
    ANKH,
    NUCLEOTIDE_TRANSFORMER,
    PROT_BERT,
    write_ankh,
    write_nucleotide_transformer,
    write_prot_bert,
    write_vocabulary,
)
from safetensors.torch import load_file

import embed
import fetch_model
from seqloom.embedding.loading import load_model
from seqloom.encoders.auto import auto_tokenizer
from seqloom.encoders.tokenizers import token_ids
from seqloom.errors import InputError

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
LETTERS = {"dna": "ACGTACGTACGTN", "protein": "ACDEFGHIKLMNPQRSTVWYUZOBX"}


def sequences(molecule: str, lengths: list[int], seed: int = 0) -> list[str]:
    return ["".join(random.Random(seed + n).choices(LETTERS[molecule], k=n)) for n in lengths]


KINDS = {
    "prot_bert": (write_prot_bert, PROT_BERT, (1, 1)),
    "nucleotide_transformer": (write_nucleotide_transformer, NUCLEOTIDE_TRANSFORMER, (1, 0)),
    # SentencePiece begins with a space.
    "ankh": (write_ankh, ANKH, (1, 1)),
}


def fetch(folder: Path, entry: dict, out: Path) -> None:
    arguments = ["--backend", "mine", "--entry", json.dumps(entry | {"local": str(folder)})]
    arguments += ["--lock", str(out.with_name("lock.json")), "--out", str(out)]
    fetch_model.main(fetch_model.arguments().parse_args(arguments))


def alone(folder: Path, entry: dict, sequence: str) -> np.ndarray:
    """The vector by transformers' own tokenizer and model, one sequence at a time."""
    reading = entry.get("reading", {})
    for letter in reading.get("as_x", ""):
        sequence = sequence.replace(letter, "X")
    text = " ".join(sequence) if reading.get("spaces") else sequence
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    config = transformers.AutoConfig.from_pretrained(folder)
    kind = transformers.T5EncoderModel if config.is_encoder_decoder else transformers.AutoModel
    model = kind.from_pretrained(folder).eval()
    tokens = tokenizer(text, return_tensors="pt", return_token_type_ids=False)
    with torch.no_grad():
        states = model(**tokens).last_hidden_state[0]
    if entry["pooling"] == "mean_residues":
        special = [*tokenizer.all_special_ids, tokenizer.convert_tokens_to_ids("▁")]
        states = states[[int(i) not in special for i in tokens["input_ids"][0]]]
    return states.mean(dim=0).numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_those_of_transformers_one_sequence_at_a_time(tmp_path, kind):
    write, entry, around = KINDS[kind]
    write(tmp_path / "published")
    fetch(tmp_path / "published", entry, tmp_path / "model")
    reading = json.loads((tmp_path / "model/model.json").read_text())["reading"]
    assert (reading["before"], reading["after"]) == around
    molecule = entry["molecule"]
    read = sequences(molecule, [30, 3, 17, 17, 29])
    suffix = {"dna": "fna", "protein": "faa"}[molecule]
    write_shard(tmp_path / "shard", suffix, "".join(f">{i}\n{s}\n" for i, s in enumerate(read)))
    options = ["--model", f"{tmp_path}/model", "--shard", f"{tmp_path}/shard"]
    embed.main(embed.arguments().parse_args([*options, "--out", f"{tmp_path}/out.safetensors"]))
    rows = load_file(tmp_path / "out.safetensors")["embedding"].numpy()
    expected = [alone(tmp_path / "published", entry, sequence) for sequence in read]
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-5)
    assert np.ptp(rows, axis=0).min() > 1e-3  # the rows differ


@pytest.mark.parametrize("last", [None, "<eos>"])
def test_the_tokens_of_words_of_bases_are_those_of_transformers(tmp_path, last):
    write_vocabulary(tmp_path / "published")
    with open(tmp_path / "published/vocab.txt", "a") as file:
        file.write("\n<eos>")
    vocabulary = str(tmp_path / "published/vocab.txt")
    theirs = transformers.EsmTokenizer(vocabulary, eos_token=last)
    theirs.save_pretrained(tmp_path / "published")
    config = transformers.EsmConfig(vocab_size=74, pad_token_id=1, mask_token_id=2)
    config.save_pretrained(tmp_path / "published")
    generator = random.Random(0)
    read = ["".join(generator.choices("ACGTN", [9, 9, 9, 9, 1], k=n)) for n in range(1, 200)]
    read += ["ACGRYACGTAA", "NNN", "R"]
    expected = [theirs(sequence)["input_ids"] for sequence in read]
    assert token_ids(auto_tokenizer(tmp_path / "published"), read) == expected


def test_words_that_are_not_all_of_k_bases_are_refused(tmp_path):
    folder = tmp_path / "published"
    write_nucleotide_transformer(folder)
    words = (folder / "vocab.txt").read_text()
    (folder / "vocab.txt").write_text(words.replace("AAT", "AATG"))
    with pytest.raises(InputError, match=r"vocab\.txt: words that are not all those of k bases"):
        fetch(folder, NUCLEOTIDE_TRANSFORMER, tmp_path / "model")


REFUSED = [
    ({"model_type": "alien"}, {}, 'no model of the type "alien"; take another'),
    (
        {"model_type": "alien", "auto_map": {"AutoModel": "alien.Alien"}},
        {},
        'no model of the type "alien", and the code of a repository is never run',
    ),
    ({"num_hidden_layers": 3}, {}, r"lacks model\.encoder\.layer\.2"),
    ({"num_hidden_layers": 1}, {}, r"has unknown model\.encoder\.layer\.1"),
    ({"intermediate_size": 25}, {}, r"does not fit config\.json, in model\.encoder\.layer"),
    ({}, {"width": 17}, "hidden_size is 16, but `backends: mine` .* the width 17"),
    ({}, {"max_length": 41}, "does not read a sequence of 41 tokens .*; correct max_length"),
    ({}, {"max_length": 3, "reading": {"spaces": True, "prefix": "A "}}, "but 3 tokens are spec"),
    ({}, {"reading": {}}, "does not tell letters apart: 'A' is .*; correct `reading`"),
]


@pytest.mark.parametrize(("config", "entry", "sentence"), REFUSED)
def test_what_does_not_fit_is_refused_and_nothing_is_written(tmp_path, config, entry, sentence):
    folder = tmp_path / "published"
    write_prot_bert(folder)
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | config))
    with pytest.raises(InputError, match=sentence):
        fetch(folder, PROT_BERT | entry, tmp_path / "model")
    assert not (tmp_path / "model").exists() and not (tmp_path / "lock.json").exists()


def test_a_repository_is_downloaded_and_what_is_missing_there_is_named(tmp_path):
    write_nucleotide_transformer(tmp_path / "published")
    files = {file.name: file.read_bytes() for file in (tmp_path / "published").iterdir()}
    entry = NUCLEOTIDE_TRANSFORMER | {"repository": "someone/words"}
    command = [sys.executable, SCRIPTS / "fetch_model.py", "--backend", "mine"]
    command += ["--entry", json.dumps(entry), "--lock", "lock.json", "--out", "model"]
    with serving() as hub:
        known = {"HF_ENDPOINT": hub.root, "HF_HOME": str(tmp_path / "cache")}
        known |= {"no_proxy": "127.0.0.1,localhost"}
        run = partial(subprocess.run, command, cwd=tmp_path, env=os.environ | known)
        done = run(capture_output=True, text=True)
        assert "correct repository and revision in `backends: mine` of the config" in done.stderr
        hub.publish("someone/words", "1" * 40, files | {"code.py": b"raise SystemExit"})
        run(check=True)
        assert "code.py" not in hub.files()
    assert json.loads((tmp_path / "lock.json").read_text())["mine"]["revision"] == "1" * 40
    fetch(tmp_path / "published", NUCLEOTIDE_TRANSFORMER, tmp_path / "local/model")
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        same = (tmp_path / "local/model" / name).read_bytes()
        assert (tmp_path / "model" / name).read_bytes() == same


def test_code_of_a_repository_is_not_run(tmp_path):
    folder = tmp_path / "published"
    write_prot_bert(folder)
    for name in ("config.json", "tokenizer_config.json"):
        values = json.loads((folder / name).read_text())
        names = {"AutoModel": "code.Model", "AutoTokenizer": ["code.Words", "code.Words"]}
        (folder / name).write_text(json.dumps(values | {"auto_map": names}))
    (folder / "code.py").write_text(f"open({str(tmp_path / 'was_run')!r}, 'w')")
    fetch(folder, PROT_BERT, tmp_path / "model")
    assert not (tmp_path / "was_run").exists()


def test_a_model_whose_vectors_depend_on_padding_is_refused(tmp_path, monkeypatch):
    write_prot_bert(tmp_path / "published")
    forward = transformers.BertModel.forward

    def ignores_the_mask(self, input_ids, attention_mask):
        return forward(self, input_ids=input_ids)

    monkeypatch.setattr(transformers.BertModel, "forward", ignores_the_mask)
    with pytest.raises(InputError, match="mine: a vector depends on the padding of its batch"):
        fetch(tmp_path / "published", PROT_BERT, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_all_weights_are_in_the_precision_that_is_asked(tmp_path):
    write_nucleotide_transformer(tmp_path / "published")
    fetch(tmp_path / "published", NUCLEOTIDE_TRANSFORMER, tmp_path / "model")
    encoder = load_model(tmp_path / "model", "bfloat16", threads=1).encoder
    assert {p.dtype for p in encoder.parameters()} == {torch.bfloat16}
    assert encoder(torch.tensor([[3, 4, 5]])).dtype == torch.float32


def test_rotary_tables_which_no_checkpoint_has_are_computed(tmp_path):
    folder = tmp_path / "published"
    write_nucleotide_transformer(folder)
    values = json.loads((folder / "config.json").read_text())
    config = transformers.EsmConfig(**values | {"position_embedding_type": "rotary"})
    model = transformers.EsmForMaskedLM(config)
    randomize(model)
    model.save_pretrained(folder)
    fetch(folder, NUCLEOTIDE_TRANSFORMER, tmp_path / "model")
    encoder = load_model(tmp_path / "model", "float32", threads=1).encoder
    theirs = transformers.AutoModel.from_pretrained(folder).eval()
    ids = torch.randint(4, 70, (1, 30))
    with torch.no_grad():
        expected = theirs(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        torch.testing.assert_close(encoder(ids), expected, rtol=0, atol=1e-5)


def test_other_backends_do_not_import_transformers(tmp_path):
    write_tiny_model(tmp_path / "model", "dna")
    write_shard(tmp_path / "shard", "fna", ">a\nACGT\n")
    script = "import sys, embed; embed.run(embed.main, embed.arguments()); "
    script += "sys.exit('transformers' in sys.modules)"
    options = ["--model", f"{tmp_path}/model", "--shard", f"{tmp_path}/shard"]
    options += ["--out", f"{tmp_path}/out.safetensors"]
    subprocess.run([sys.executable, "-c", script, *options], cwd=SCRIPTS, check=True)
