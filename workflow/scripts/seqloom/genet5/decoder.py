"""Layers like those of DNABERT that see the steps before them and the window."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from seqloom.encoders.attention_operator import Attend
from seqloom.encoders.dnabert import Layer, alibi_slopes
from seqloom.encoders.layers import Linear, join_heads, split_heads
from seqloom.genet5.attending import causal_bias
from seqloom.genet5.experts import Experts
from seqloom.genet5.shape import Shape

Pair = tuple[Tensor, Tensor]  # keys and values [B, heads, length, size]


@dataclass
class Cache:
    """Keys and values of the steps so far and of the windows, by layer."""

    keys: list[Tensor]
    values: list[Tensor]
    windows: list[Pair]
    window_bias: Tensor  # [B, 1, 1, N] 0 at tokens, -inf at padding
    steps: int = 0

    def rows(self, index: Tensor) -> "Cache":
        """The cache of the windows `index`, which may name one several times."""
        return Cache(
            [keys[index] for keys in self.keys],
            [values[index] for values in self.values],
            [(keys[index], values[index]) for keys, values in self.windows],
            self.window_bias[index],
            self.steps,
        )

    def extended(self, layer: int, key: Tensor, value: Tensor) -> Pair:
        """All keys and values of a layer after those of new steps."""
        last = self.steps + key.shape[2]
        if last > self.keys[layer].shape[2]:
            for parts in (self.keys, self.values):
                parts[layer] = F.pad(parts[layer], (0, 0, 0, last))  # at least doubled
        self.keys[layer][:, :, self.steps : last] = key
        self.values[layer][:, :, self.steps : last] = value
        return self.keys[layer][:, :, :last], self.values[layer][:, :, :last]


class DecoderLayer(Layer):
    """A layer of DNABERT with attention to the window between its two parts."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape.dnabert())
        width = shape.width
        self.cross = nn.ModuleDict(
            {
                "query": Linear(width, width),
                "key_value": Linear(width, 2 * width),
                "output": Linear(width, width),
            }
        )
        if shape.experts > 1:
            del self.mlp.gated_layers, self.mlp.wo
            self.mlp["experts"] = Experts(shape)

    def forward(self, x: Tensor, attend: Attend, see: Callable[[Tensor], Tensor]) -> Tensor:
        """`see` maps queries [B, heads, T, size] to what they find in the window."""
        x = self.attended(x, attend)
        query = split_heads(self.cross.query(x), self.heads)
        return self.fed_forward(x + self.cross.output(join_heads(see(query))))

    def fed_forward(self, x: Tensor) -> Tensor:
        if "experts" not in self.mlp:
            return super().fed_forward(x)
        return self.mlp.layernorm(x + self.mlp.experts(x))

    def window(self, tokens: Tensor) -> Pair:
        """Keys and values of the window."""
        key, value = self.cross.key_value(tokens).chunk(2, dim=-1)
        return split_heads(key, self.heads), split_heads(value, self.heads)


class Decoder(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(shape.width, 1e-12)
        self.layer = nn.ModuleList(DecoderLayer(shape) for _ in range(shape.decoder_layers))
        self.heads, self.size = shape.heads, shape.width // shape.heads
        self.recomputes = False
        slopes = torch.tensor(alibi_slopes(shape.heads), device="cpu")
        self.register_buffer("slopes", slopes, persistent=False)

    def forward(
        self, x: Tensor, tokens: Tensor, token_mask: Tensor, cache: Cache | None = None
    ) -> Tensor:
        """Inputs of steps [B, T, W] -> states; with a cache those of new steps alone."""
        first = cache.steps if cache else 0
        bias = causal_bias(self.slopes, first, first + x.shape[1])
        mask = cache.window_bias if cache else token_mask[:, None, None]
        x = self.norm(x)
        for number, layer in enumerate(self.layer):
            key, value = cache.windows[number] if cache else layer.window(tokens)
            see = partial(_see, key=key, value=value, mask=mask)
            attend = partial(_attend, bias=bias, extended=cache and partial(cache.extended, number))
            if self.recomputes:
                x = checkpoint(layer, x, attend, see, use_reentrant=False)
            else:
                x = layer(x, attend, see)
        if cache:
            cache.steps += x.shape[1]
        return x

    def cache(self, tokens: Tensor, token_mask: Tensor) -> Cache:
        """An empty cache for windows with these states of tokens."""
        shape = len(tokens), self.heads, 0, self.size
        # One query reads each key once, and a row of memory is read faster than a part of one.
        windows = [
            tuple(part.contiguous() for part in layer.window(tokens)) for layer in self.layer
        ]
        keys, values = ([windows[0][0].new_empty(shape) for _ in self.layer] for _ in range(2))
        bias = torch.zeros_like(token_mask, dtype=keys[0].dtype)
        bias = bias.masked_fill(~token_mask, float("-inf"))
        return Cache(keys, values, windows, bias[:, None, None])


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor,
    extended: Callable[[Tensor, Tensor], Pair] | None,
) -> Tensor:
    if extended:
        key, value = extended(key, value)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype)[None])


def _see(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
