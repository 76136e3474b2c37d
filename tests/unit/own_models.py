"""Small models of transformers with random weights, saved as their users publish them."""

from pathlib import Path

import torch
import transformers
from models_data import randomize
from tokenizers import Regex, Tokenizer
from tokenizers.models import Unigram
from tokenizers.normalizers import Replace
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing

SHAPE = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
}
# Of `backends` in a config.
ENTRY = {"width": 16, "parameters": 1}


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
        **SHAPE,
        vocab_size=30,
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
        **SHAPE,
        vocab_size=len(tokenizer.all_tokens),
        mask_token_id=2,
        pad_token_id=1,
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
