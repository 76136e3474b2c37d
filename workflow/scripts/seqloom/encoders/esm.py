"""The ESM-2 encoder (ESM2 and FastESM2): pre-LN, rotary positions, exact GELU.

Modules are named as in the published checkpoints, so that weights load strictly by name.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqloom.encoders.layers import Linear, join_heads, split_heads, without_heads

PREFIX = "esm."
# Published checkpoints also carry a table of positions that rotary models never read.
HEADS = ("lm_head.", "contact_head.", "pooler.", "embeddings.position_")
FREQUENCIES = "rotary_embeddings.inv_freq"
# In training 12 % of the tokens were blanked; without blanks the input is scaled to match.
TOKEN_DROPOUT_SCALE = 1 - 0.15 * 0.8


def inverse_frequencies(size: int) -> Tensor:
    """Of the rotation of each pair of the `size` channels of a head."""
    return 1 / 10000 ** (torch.arange(0, size, 2, device="cpu") / size)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (i, i + half) of channels by the angle of its position."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class Layer(nn.Module):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        eps = config["layer_norm_eps"]
        self.heads = config["num_attention_heads"]
        self.attention = nn.ModuleDict(
            {
                "LayerNorm": nn.LayerNorm(width, eps),
                "self": nn.ModuleDict(
                    {name: Linear(width, width) for name in ("query", "key", "value")}
                ),
                "output": nn.ModuleDict({"dense": Linear(width, width)}),
            }
        )
        self.LayerNorm = nn.LayerNorm(width, eps)
        self.intermediate = nn.ModuleDict({"dense": Linear(width, inner)})
        self.output = nn.ModuleDict({"dense": Linear(inner, width)})

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        normed, attention = self.attention.LayerNorm(x), self.attention.self
        value = split_heads(attention.value(normed), self.heads)
        # The rotation is done in float32: positions are too fine for half precision.
        query, key = (
            rotate(split_heads(project(normed), self.heads), cos, sin).to(value.dtype)
            for project in (attention.query, attention.key)
        )
        mixed = F.scaled_dot_product_attention(query, key, value, mask)
        x = x + self.attention.output.dense(join_heads(mixed))
        return x + self.output.dense(F.gelu(self.intermediate.dense(self.LayerNorm(x))))


class Esm(nn.Module):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        if config["position_embedding_type"] != "rotary" or config["emb_layer_norm_before"]:
            raise ValueError("not an ESM-2 model: those have rotary positions and no first norm")
        width = config["hidden_size"]
        self.head_size = width // config["num_attention_heads"]
        self.scale = TOKEN_DROPOUT_SCALE if config["token_dropout"] else 1.0
        self.embeddings = nn.ModuleDict(
            {"word_embeddings": nn.Embedding(config["vocab_size"], width)}
        )
        self.rotary_embeddings = nn.Module()
        self.rotary_embeddings.register_buffer("inv_freq", inverse_frequencies(self.head_size))
        layers = [Layer(config) for _ in range(config["num_hidden_layers"])]
        self.encoder = nn.ModuleDict(
            {
                "layer": nn.ModuleList(layers),
                "emb_layer_norm_after": nn.LayerNorm(width, config["layer_norm_eps"]),
            }
        )

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Token ids [batch, length] -> states [batch, length, width]; mask: False at padding."""
        inv_freq = self.rotary_embeddings.inv_freq
        angle = torch.outer(torch.arange(ids.shape[1], device=ids.device), inv_freq).repeat(1, 2)
        cos, sin = angle.cos(), angle.sin()
        keys = None if mask is None else mask[:, None, None, :]
        x = self.embeddings.word_embeddings(ids) * self.scale
        for layer in self.encoder.layer:
            x = layer(x, cos, sin, keys)
        return self.encoder.emb_layer_norm_after(x)

    def own_tensors(self, checkpoint: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of a published checkpoint under the names of this module."""
        tensors = without_heads(checkpoint, PREFIX, HEADS)
        # Frequencies stand in every layer, at the top, or nowhere; stored ones may be rounded, and
        # the weights were trained with them.
        stored = [tensors.pop(name) for name in sorted(tensors) if name.endswith(FREQUENCIES)]
        tensors[FREQUENCIES] = stored[0] if stored else inverse_frequencies(self.head_size)
        return tensors
