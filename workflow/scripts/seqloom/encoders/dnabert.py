"""The encoder of DNABERT-2 and DNABERT-S, which is that of MosaicBERT.

LayerNorm follows each block, ALiBi takes the place of position embeddings, and the GELU is gated.
Papers: "DNABERT-2: Efficient Foundation Model and Benchmark for Multi-Species Genome", "DNABERT-S:
Pioneering Species Differentiation with Species-Aware DNA Embeddings", "MosaicBERT: A Bidirectional
Encoder Optimized for Fast Pretraining", and of ALiBi "Train Short, Test Long".

Modules are named as in the published checkpoints, so that weights load strictly by name.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqloom.encoders.attention import attention, kernel_serves
from seqloom.encoders.attention_operator import Attend
from seqloom.encoders.layers import Encoder, Linear, join_heads, split_heads, without_heads

PREFIX = "bert."
HEADS = ("cls.", "pooler.", "embeddings.position_ids")


def alibi_slopes(heads: int) -> list[float]:
    """Slopes of ALiBi, a geometric series.

    Heads beyond a power of two take every second slope of the next power.
    """
    power = 2 ** int(math.log2(heads))
    regular = [2 ** (-8 * (i + 1) / power) for i in range(power)]
    return regular + [2 ** (-4 * (2 * i + 1) / power) for i in range(heads - power)]


class Layer(nn.Module):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        eps = config["layer_norm_eps"]
        self.heads = config["num_attention_heads"]
        self.attention = nn.ModuleDict(
            {
                "self": nn.ModuleDict({"Wqkv": Linear(width, 3 * width)}),
                "output": nn.ModuleDict(
                    {"dense": Linear(width, width), "LayerNorm": nn.LayerNorm(width, eps)}
                ),
            }
        )
        self.mlp = nn.ModuleDict(
            {
                "gated_layers": Linear(width, 2 * inner, bias=False),
                "wo": Linear(inner, width),
                "layernorm": nn.LayerNorm(width, eps),
            }
        )

    def forward(self, x: Tensor, attend: Attend) -> Tensor:
        return self.fed_forward(self.attended(x, attend))

    def attended(self, x: Tensor, attend: Attend) -> Tensor:
        query, key, value = (
            split_heads(part, self.heads) for part in self.attention.self.Wqkv(x).chunk(3, dim=-1)
        )
        output = self.attention.output
        return output.LayerNorm(x + output.dense(join_heads(attend(query, key, value))))

    def fed_forward(self, x: Tensor) -> Tensor:
        gate, up = self.mlp.gated_layers(x).chunk(2, dim=-1)
        if gate.is_cpu:
            # GELU of a view of a tensor depends on the number of threads in its last bits.
            gate = gate.contiguous()
        return self.mlp.layernorm(x + self.mlp.wo(F.gelu(gate) * up))


class Dnabert(Encoder):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.heads = config["num_attention_heads"]
        self.by_kernel = False
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(config["vocab_size"], width),
                "token_type_embeddings": nn.Embedding(config["type_vocab_size"], width),
                "LayerNorm": nn.LayerNorm(width, config["layer_norm_eps"]),
            }
        )
        layers = [Layer(config) for _ in range(config["num_hidden_layers"])]
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(layers)})
        slopes = torch.tensor(alibi_slopes(self.heads), dtype=torch.float64, device="cpu")
        self.register_buffer("slopes", slopes, persistent=False)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of queries, keys and values."""
        return self.encoder.layer[0].attention.self.Wqkv.dtype

    def choose_attention(self, ids: Tensor, mask: Tensor | None) -> None:
        (batch, length), width = ids.shape, self.embeddings.LayerNorm.normalized_shape[0]
        shape = (batch, self.heads, length, width // self.heads)
        padded = mask is not None
        self.by_kernel = kernel_serves(self.slopes, shape, self.dtype, ids.device, padded)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Token ids [batch, length] -> states [batch, length, width]; mask: False at padding."""
        x = self.embedded(self.embeddings.word_embeddings(ids))
        attend = attention(self.by_kernel, self.slopes, ids.shape[1], self.dtype, mask)
        for layer in self.encoder.layer:
            x = layer(x, attend)
        return x

    def embedded(self, words: Tensor) -> Tensor:
        """What the first layer reads for these rows of the token embeddings."""
        return self.embeddings.LayerNorm(words + self.embeddings.token_type_embeddings.weight[0])

    @staticmethod
    def own_tensors(checkpoint: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of a published checkpoint under the names of this module."""
        return without_heads(checkpoint, PREFIX, HEADS)
