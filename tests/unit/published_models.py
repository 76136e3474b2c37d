"""Models with random weights in the files that their authors publish, for tests and benchmarks."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from models_data import randomize

from seqloom.encoders.tokenizers import T5_LETTERS, T5_PREFIXES, T5_STRUCTURE

# As published, but for `n_layers`; transformers names the same in another way.
ESMC = {
    "esm_c_300m": {"vocab_size": 64, "d_model": 960, "n_heads": 15},
    "esm_c_600m": {"vocab_size": 64, "d_model": 1152, "n_heads": 18},
}
ESMC_INNER = {960: 2560, 1152: 3072}
# The tokens that ProstT5 adds.
STRUCTURE = {letter: i for i, letter in enumerate([*T5_STRUCTURE, *T5_PREFIXES], 128)}


def random_esmc(config: Mapping[str, Any]) -> transformers.EsmcForMaskedLM:
    """The model of transformers for a published config."""
    theirs = transformers.EsmcConfig(
        vocab_size=config["vocab_size"],
        hidden_size=config["d_model"],
        intermediate_size=ESMC_INNER[config["d_model"]],
        num_hidden_layers=config["n_layers"],
        num_attention_heads=config["n_heads"],
    )
    model = transformers.EsmcForMaskedLM(theirs)
    randomize(model)
    return model


def published_esmc(theirs) -> dict[str, torch.Tensor]:
    """The weights under the names and in the shapes of the checkpoints on the hub."""
    w = theirs.state_dict()
    tensors = {
        "esmc.embed.weight": w["esmc.embed_tokens.weight"],
        "esmc.transformer.norm.weight": w["esmc.norm.weight"],
    }
    for part, number in (("dense", 0), ("layer_norm", 2), ("decoder", 3)):
        for kind in ("weight", "bias"):
            tensors[f"lm_head.{number}.{kind}"] = w[f"lm_head.{part}.{kind}"]
    for i in range(theirs.config.num_hidden_layers):
        here, there = f"esmc.transformer.blocks.{i}.", f"esmc.layers.{i}."
        for kind in ("weight", "bias"):
            norms = w[there + f"input_layernorm.{kind}"]
            tensors[here + f"attn.layernorm_qkv.layer_norm_{kind}"] = norms
            norms = w[there + f"post_attention_layernorm.{kind}"]
            tensors[here + f"ffn.layer_norm_{kind}"] = norms
        attention, mlp = there + "self_attn.", there + "mlp."
        qkv = [w[attention + f"{letter}_proj.weight"] for letter in "qkv"]
        tensors[here + "attn.layernorm_qkv.weight"] = torch.cat(qkv)
        tensors[here + "attn.q_ln.weight"] = w[attention + "q_norm.weight"]
        tensors[here + "attn.k_ln.weight"] = w[attention + "k_norm.weight"]
        tensors[here + "attn.out_proj.weight"] = w[attention + "o_proj.weight"]
        gate_up = [w[mlp + f"{name}_proj.weight"] for name in ("gate", "up")]
        tensors[here + "ffn.fc1_weight"] = torch.cat(gate_up)
        tensors[here + "ffn.fc2_weight"] = w[mlp + "down_proj.weight"]
        for part in ("attn.layernorm_qkv", "attn.out_proj", "ffn"):
            tensors[here + f"{part}._extra_state"] = torch.empty(0, dtype=torch.uint8)
    return tensors


def sentencepiece_folder(folder: Path, added: dict[str, int]) -> Path:
    """Tokenizer files with the alphabet of ProtT5: 28 words, then a hundred tokens of no use."""
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    # The more frequent a letter, the lower its id.
    text = [" ".join(T5_LETTERS[:i]) for i in range(1, len(T5_LETTERS) + 1) for _ in range(9)]
    SentencePieceTrainer.train(
        sentence_iterator=iter(text), model_writer=model, vocab_size=28, model_type="word",
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2,
    )  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / "spiece.model").write_bytes(model.getvalue())
    if added:
        (folder / "added_tokens.json").write_text(json.dumps(added))
    return folder
