"""Encoders of transformers as backends of the config: from a folder of theirs to rows of ours."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from models_data import randomize, write_shard
from safetensors.torch import load_file
from tokenizers import Regex, Tokenizer
from tokenizers.models import Unigram
from tokenizers.normalizers import Replace
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing

import embed
import fetch_model

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
LETTERS = {"dna": "ACGTACGTACGTN", "protein": "ACDEFGHIKLMNPQRSTVWYUZOBX"}
ENTRY = {"width": 16, "parameters": 1}


def sequences(molecule: str, lengths: list[int], seed: int = 0) -> list[str]:
    return ["".join(random.Random(seed + n).choices(LETTERS[molecule], k=n)) for n in lengths]


def saved(folder: Path, model: transformers.PreTrainedModel, tokenizer) -> None:
    torch.manual_seed(0)
    randomize(model)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def write_prot_bert(folder: Path) -> None:
    """A BERT with a head, whose words are residues between spaces."""
    folder.mkdir()
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"LAGVESIKRDTPNQFYMHCWXUBZO"]
    (folder / "vocab.txt").write_text("\n".join(tokens))
    config = transformers.BertConfig(
        vocab_size=30,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=40,
    )
    tokenizer = transformers.BertTokenizer(str(folder / "vocab.txt"), do_lower_case=False)
    saved(folder, transformers.BertForMaskedLM(config), tokenizer)


def write_vocabulary(folder: Path) -> None:
    folder.mkdir()
    words = [""]
    for _ in range(3):
        words = [word + base for word in words for base in "ATCG"]
    tokens = ["<unk>", "<pad>", "<mask>", "<cls>", *words, *"ATCGN"]
    (folder / "vocab.txt").write_text("\n".join(tokens))


def write_nucleotide_transformer(folder: Path, **changes: object) -> None:
    """An ESM with absolute positions, whose words are three bases (six in the published ones)."""
    write_vocabulary(folder)
    tokenizer = transformers.EsmTokenizer(str(folder / "vocab.txt"), eos_token=None)
    config = transformers.EsmConfig(
        vocab_size=len(tokenizer.all_tokens),
        mask_token_id=2,
        pad_token_id=1,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=42,
        position_embedding_type="absolute",
        token_dropout=True,
        **changes,
    )
    saved(folder, transformers.EsmForMaskedLM(config), tokenizer)


def write_ankh(folder: Path) -> None:
    """A T5 with gated layers and its decoder, whose words are pieces of a SentencePiece model."""
    pieces = ["<pad>", "</s>", "<unk>", "▁", *"ALGVSREDTIPKFQNYMHWCXUBZO"]
    words = Tokenizer(Unigram([(piece, -float(i > 3)) for i, piece in enumerate(pieces)], 2))
    words.normalizer = Replace(Regex(r"\s+"), "")
    words.pre_tokenizer = Metaspace()
    words.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=words, **special)
    config = transformers.T5Config(
        vocab_size=32,
        d_model=16,
        d_kv=4,
        d_ff=24,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
    )
    saved(folder, transformers.T5ForConditionalGeneration(config), tokenizer)


PROT_BERT = ENTRY | {
    "molecule": "protein",
    "pooling": "mean_residues",
    "max_length": 40,
    "reading": {"spaces": True, "as_x": "UZOB"},
}
NUCLEOTIDE_TRANSFORMER = ENTRY | {"molecule": "dna", "pooling": "mean_tokens", "max_length": 40}
ANKH = ENTRY | {"molecule": "protein", "pooling": "mean_residues", "max_length": 100}
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
