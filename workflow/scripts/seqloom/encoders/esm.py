"""The ESM encoder (ESM-2, FastESM2, ESM-1b): pre-LN, rotary or learned positions, exact GELU.

After Rives et al. 2021 (ESM-1b) and Lin et al. 2023 (ESM-2). Modules are named as in the published
checkpoints, so that weights load strictly by name.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqloom.encoders.layers import (
    Encoder,
    Linear,
    join_heads,
    store_separately,
    without_heads,
)

PREFIX = "esm."
HEADS = ("lm_head.", "contact_head.", "pooler.", "embeddings.position_ids")
POSITIONS = "embeddings.position_embeddings."
FREQUENCIES = "rotary_embeddings.inv_freq"
# In training 12 % of the tokens were blanked; without blanks the input is scaled to match.
TOKEN_DROPOUT_SCALE = 1 - 0.15 * 0.8


def inverse_frequencies(size: int) -> Tensor:
    """Of the rotation of each pair of the `size` channels of a head."""
    return 1 / 10000 ** (torch.arange(0, size, 2, device="cpu") / size)


def rotation_of(length: int, frequencies: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine [length, size] of each position, in float32: half precision is too coarse.

    The sine of the first half is negative, as `rotate` needs it.
    """
    positions = torch.arange(length, device=frequencies.device)
    angle = torch.outer(positions, frequencies)
    sine = angle.sin()
    return angle.cos().repeat(1, 2), torch.cat((-sine, sine), dim=-1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (i, i + half) of channels by the angle of its position."""
    return x * cos + x.roll(x.shape[-1] // 2, -1) * sin


class Layer(nn.Module):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        eps = config["layer_norm_eps"]
        self.heads = config["num_attention_heads"]
        self.attention = nn.ModuleDict(
            {
                "LayerNorm": nn.LayerNorm(width, eps),
                "self": nn.ModuleDict({"joined": Linear(width, 3 * width)}),
                "output": nn.ModuleDict({"dense": Linear(width, width)}),
            }
        )
        store_separately(self.attention["self"], "joined", ("query", "key", "value"))
        self.LayerNorm = nn.LayerNorm(width, eps)
        self.intermediate = nn.ModuleDict({"dense": Linear(width, inner)})
        self.output = nn.ModuleDict({"dense": Linear(inner, width)})

    def forward(
        self, x: Tensor, rotation: tuple[Tensor, Tensor] | None, mask: Tensor | None
    ) -> Tensor:
        attention = self.attention
        joined = attention["self"].joined(attention.LayerNorm(x))
        parts = joined.unflatten(-1, (3, self.heads, -1)).movedim(2, 0).transpose(2, 3)
        pair, value = parts[:2], parts[2]
        if rotation:
            pair = rotate(pair, *rotation).to(value.dtype)
        query, key = pair
        mixed = F.scaled_dot_product_attention(query, key, value, mask)
        x = x + attention.output.dense(join_heads(mixed))
        return x + self.output.dense(F.gelu(self.intermediate.dense(self.LayerNorm(x))))


class Esm(Encoder):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        positions = config["position_embedding_type"]
        if positions not in ("rotary", "absolute"):
            raise ValueError(f"{positions} positions are of no published ESM model")
        width, eps = config["hidden_size"], config["layer_norm_eps"]
        self.head_size = width // config["num_attention_heads"]
        self.is_rotary = positions == "rotary"
        self.scale = TOKEN_DROPOUT_SCALE if config["token_dropout"] else 1.0
        self.embeddings = nn.ModuleDict(
            {"word_embeddings": nn.Embedding(config["vocab_size"], width)}
        )
        if self.is_rotary:
            self.rotary_embeddings = nn.Module()
            self.rotary_embeddings.register_buffer("inv_freq", inverse_frequencies(self.head_size))
        else:
            # The rows up to that of padding are not used.
            self.first_position = config["pad_token_id"] + 1
            table = nn.Embedding(config["max_position_embeddings"], width)
            self.embeddings["position_embeddings"] = table
        if config["emb_layer_norm_before"]:
            self.embeddings["layer_norm"] = nn.LayerNorm(width, eps)
        layers = [Layer(config) for _ in range(config["num_hidden_layers"])]
        self.encoder = nn.ModuleDict(
            {"layer": nn.ModuleList(layers), "emb_layer_norm_after": nn.LayerNorm(width, eps)}
        )

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Token ids [batch, length] -> states [batch, length, width]; mask: False at padding."""
        length = ids.shape[1]
        keys = None if mask is None else mask[:, None, None, :]
        x = self.embeddings.word_embeddings(ids) * self.scale
        rotation = None
        if self.is_rotary:
            rotation = rotation_of(length, self.rotary_embeddings.inv_freq)
        else:
            x = x + self.embeddings.position_embeddings.weight[self.first_position :][:length]
        if "layer_norm" in self.embeddings:
            x = self.embeddings.layer_norm(x)
        for layer in self.encoder.layer:
            x = layer(x, rotation, keys)
        return self.encoder.emb_layer_norm_after(x)

    def own_tensors(self, checkpoint: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of a published checkpoint under the names of this module."""
        if not self.is_rotary:
            return without_heads(checkpoint, PREFIX, HEADS)
        # Checkpoints of rotary models may carry a table of positions that is never read.
        tensors = without_heads(checkpoint, PREFIX, (*HEADS, POSITIONS))
        # Frequencies stand in every layer, at the top, or nowhere; stored ones may be rounded, and
        # the weights were trained with them.
        stored = [tensors.pop(name) for name in sorted(tensors) if name.endswith(FREQUENCIES)]
        tensors[FREQUENCIES] = stored[0] if stored else inverse_frequencies(self.head_size)
        return tensors
