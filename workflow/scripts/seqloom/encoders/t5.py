"""The T5 encoder of ProtT5-XL and ProstT5: pre-RMSNorm, ReLU, no biases, positions by distance.

After Raffel et al. 2020; for proteins, ProtTrans (Elnaggar et al. 2021) and ProstT5 (Heinzinger et
al. 2023). Modules are named as in the published checkpoints, so that weights load strictly by name.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from seqloom.encoders.attention import attention, kernel_serves, t5_table
from seqloom.encoders.attention_operator import Attend
from seqloom.encoders.layers import (
    Encoder,
    Linear,
    join_heads,
    split_heads,
    store_separately,
    without_heads,
)

PREFIX = ""
# Of the whole model only the encoder is read; its table of tokens is also saved as `shared`.
HEADS = ("decoder.", "lm_head.", "encoder.embed_tokens.")


class Layer(nn.Module):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        width, self.heads = config["d_model"], config["num_heads"]
        inner, eps = self.heads * config["d_kv"], config["layer_norm_epsilon"]
        attention = nn.ModuleDict(
            {
                "joined": Linear(width, 3 * inner, bias=False),
                "o": Linear(inner, width, bias=False),
            }
        )
        store_separately(attention, "joined", ("q", "k", "v"))
        feed_forward = nn.ModuleDict(
            {
                "wi": Linear(width, config["d_ff"], bias=False, activation="relu"),
                "wo": Linear(config["d_ff"], width, bias=False),
            }
        )
        parts = {"SelfAttention": attention}, {"DenseReluDense": feed_forward}
        self.layer = nn.ModuleList(
            nn.ModuleDict({**part, "layer_norm": nn.RMSNorm(width, eps)}) for part in parts
        )

    def forward(self, x: Tensor, attend: Attend) -> Tensor:
        first, second = self.layer
        joined = first.SelfAttention.joined(first.layer_norm(x))
        query, key, value = (split_heads(part, self.heads) for part in joined.chunk(3, dim=-1))
        x = x + first.SelfAttention.o(join_heads(attend(query, key, value)))
        feed_forward = second.DenseReluDense
        return x + feed_forward.wo(feed_forward.wi(second.layer_norm(x)))


class T5(Encoder):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        if (kind := config.get("feed_forward_proj", "relu")) != "relu":
            raise ValueError(f"a feed-forward layer of kind {kind} is not that of ProtT5")
        width, self.heads, self.size = config["d_model"], config["num_heads"], config["d_kv"]
        self.reach = config.get("relative_attention_max_distance", 128)
        self.by_kernel = False
        self.shared = nn.Embedding(config["vocab_size"], width)
        layers = [Layer(config) for _ in range(config["num_layers"])]
        # The first layer holds the table of position buckets that all layers use.
        buckets = nn.Embedding(config["relative_attention_num_buckets"], self.heads)
        layers[0].layer[0].SelfAttention["relative_attention_bias"] = buckets
        self.encoder = nn.ModuleDict(
            {
                "block": nn.ModuleList(layers),
                "final_layer_norm": nn.RMSNorm(width, config["layer_norm_epsilon"]),
            }
        )

    @property
    def first_attention(self) -> nn.ModuleDict:
        return self.encoder.block[0].layer[0].SelfAttention

    def bias(self) -> Tensor:
        """The table [heads, distances] that attention adds to its scores."""
        return t5_table(self.first_attention.relative_attention_bias.weight, self.reach)

    def choose_attention(self, ids: Tensor, mask: Tensor | None) -> None:
        shape, dtype = (len(ids), self.heads, ids.shape[1], self.size), self.first_attention.o.dtype
        self.by_kernel = kernel_serves(self.bias(), shape, dtype, ids.device, mask is not None)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Token ids [batch, length] -> states [batch, length, width]; mask: False at padding."""
        dtype = self.first_attention.o.dtype
        attend = attention(self.by_kernel, self.bias(), ids.shape[1], dtype, mask, scale=1.0)
        x = self.shared(ids)
        for layer in self.encoder.block:
            x = layer(x, attend)
        return self.encoder.final_layer_norm(x)

    @staticmethod
    def own_tensors(checkpoint: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of a published checkpoint by the names used here, without its decoder."""
        return without_heads(checkpoint, PREFIX, HEADS)
