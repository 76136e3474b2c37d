"""The ESM-C encoder: pre-LN, rotary positions, normed queries and keys, gated SiLU, no biases.

Modules are named as transformers names them; its own class cannot read the published checkpoints.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from seqloom.encoders.esm import inverse_frequencies, rotate, rotation_of
from seqloom.encoders.layers import (
    Encoder,
    Linear,
    join_heads,
    split_heads,
    store_separately,
    without_heads,
)

PREFIX = "esmc."
HEADS = ("lm_head.",)
# Of the library the published weights were saved with: no numbers.
NO_TENSOR = "._extra_state"
# A deeper model adds less of each layer, a shallower one more.
PLAIN_DEPTH = 36
# Published names, and what they hold, one below the other.
PUBLISHED = {
    "attn.layernorm_qkv.layer_norm_weight": ["input_layernorm.weight"],
    "attn.layernorm_qkv.layer_norm_bias": ["input_layernorm.bias"],
    "attn.layernorm_qkv.weight": [f"self_attn.{name}_proj.weight" for name in "qkv"],
    "attn.q_ln.weight": ["self_attn.q_norm.weight"],
    "attn.k_ln.weight": ["self_attn.k_norm.weight"],
    "attn.out_proj.weight": ["self_attn.o_proj.weight"],
    "ffn.layer_norm_weight": ["post_attention_layernorm.weight"],
    "ffn.layer_norm_bias": ["post_attention_layernorm.bias"],
    "ffn.fc1_weight": ["mlp.gate_proj.weight", "mlp.up_proj.weight"],
    "ffn.fc2_weight": ["mlp.down_proj.weight"],
    "embed.weight": ["embed_tokens.weight"],
    "transformer.norm.weight": ["norm.weight"],
}


def shape_of(config: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Width, inner width, heads, layers, from the published config or one of transformers."""
    if "d_model" in config:
        width = config["d_model"]
        # 8/3 of the width, up to the next multiple of 256.
        return width, -(-8 * width // 768) * 256, config["n_heads"], config["n_layers"]
    keys = ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers")
    width, inner, heads, layers = (config[key] for key in keys)
    return width, inner, heads, layers


class Layer(nn.Module):
    def __init__(self, width: int, inner: int, heads: int, share: float) -> None:
        super().__init__()
        self.heads, self.share = heads, share
        self.input_layernorm = nn.LayerNorm(width)
        projections = {
            "joined": Linear(width, 3 * width, bias=False),
            "o_proj": Linear(width, width, bias=False),
        }
        norms = {f"{name}_norm": nn.LayerNorm(width, bias=False) for name in "qk"}
        self.self_attn = nn.ModuleDict(projections | norms)
        store_separately(self.self_attn, "joined", ("q_proj", "k_proj", "v_proj"))
        self.post_attention_layernorm = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict(
            {
                "gate_proj": Linear(width, inner, bias=False, activation="silu"),
                "up_proj": Linear(width, inner, bias=False),
                "down_proj": Linear(inner, width, bias=False),
            }
        )

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        normed, attention = self.input_layernorm(x), self.self_attn
        query, key, value = attention.joined(normed).chunk(3, dim=-1)
        value = split_heads(value, self.heads)
        # Norm and rotation are done in float32; the norm is over all heads.
        query, key = attention.q_norm(query.float()), attention.k_norm(key.float())
        query, key = (
            rotate(split_heads(part, self.heads), *rotation).to(value.dtype)
            for part in (query, key)
        )
        mixed = F.scaled_dot_product_attention(query, key, value, mask)
        x = x.add(attention.o_proj(join_heads(mixed)), alpha=self.share)
        normed, mlp = self.post_attention_layernorm(x), self.mlp
        inner = mlp.gate_proj(normed) * mlp.up_proj(normed)
        return x.add(mlp.down_proj(inner), alpha=self.share)


class Esmc(Encoder):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        width, inner, heads, layers = shape_of(config)
        share = math.sqrt(PLAIN_DEPTH / layers)
        self.embed_tokens = nn.Embedding(config["vocab_size"], width)
        self.layers = nn.ModuleList(Layer(width, inner, heads, share) for _ in range(layers))
        self.norm = nn.LayerNorm(width, bias=False)
        frequencies = inverse_frequencies(width // heads)
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Token ids [batch, length] -> states [batch, length, width]; mask: False at padding."""
        rotation = rotation_of(ids.shape[1], self.frequencies)
        keys = None if mask is None else mask[:, None, None, :]
        x = self.embed_tokens(ids)
        for layer in self.layers:
            x = layer(x, rotation, keys)
        return self.norm(x)

    @staticmethod
    def own_tensors(checkpoint: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of a checkpoint, as published or of transformers, by the names used here."""
        tensors = {}
        for name, tensor in without_heads(checkpoint, PREFIX, HEADS).items():
            if not name.endswith(NO_TENSOR):
                block, place = _split(name)
                held = PUBLISHED.get(place, [place])
                for part, rows in zip(held, tensor.chunk(len(held)), strict=False):
                    tensors[block + part] = rows
        return tensors


def _split(name: str) -> tuple[str, str]:
    """`transformer.blocks.7.ffn.fc1_weight` -> `layers.7.`, `ffn.fc1_weight`."""
    if not name.startswith("transformer.blocks."):
        return "", name
    number, place = name.removeprefix("transformer.blocks.").split(".", 1)
    return f"layers.{number}.", place
