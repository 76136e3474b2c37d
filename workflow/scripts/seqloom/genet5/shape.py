"""The architecture of a model."""

from dataclasses import dataclass
from typing import Any

from seqloom.annotate.codec import Codec
from seqloom.errors import InputError
from seqloom.genet5.segment import LABELS

SPARSE_BLOCKS = (16, 32, 64, 128)


@dataclass(frozen=True)
class Shape:
    """The architecture of a model; the defaults are the sizes of DNABERT."""

    dna_tokens: int  # of the DNA tokenizer; tokens of targets follow
    biotypes: tuple[str, ...]
    width: int = 768
    layers: int = 12
    decoder_layers: int = 12
    heads: int = 12
    inner: int = 3072
    experts: int = 1  # feed-forward networks of each layer of the decoder
    top_k: int = 1  # how many of them a step goes through
    sparse_block: int | None = None  # of the encoder's attention; None: each token sees all
    labels: int = len(LABELS)  # of a base, for the segment head

    def __post_init__(self) -> None:
        for name in ("width", "layers", "decoder_layers", "heads", "inner", "experts"):
            if getattr(self, name) < 1:
                raise InputError(f"shape of the model: {name} is {getattr(self, name)}; raise it")
        if self.width % self.heads:
            raise InputError(
                f"shape of the model: a width of {self.width} is not divisible by {self.heads} "
                "heads; change one of them"
            )
        if not 1 <= self.top_k <= self.experts:
            raise InputError(
                f"shape of the model: top-k is {self.top_k} of {self.experts} experts; choose a "
                "number from 1 to that of the experts"
            )
        if self.sparse_block not in (None, *SPARSE_BLOCKS):
            raise InputError(
                f"shape of the model: a sparse block of {self.sparse_block} tokens; choose one of "
                + ", ".join(map(str, SPARSE_BLOCKS))
            )

    @property
    def codec(self) -> Codec:
        return Codec(self.biotypes, self.dna_tokens)

    def dnabert(self) -> dict[str, Any]:
        """The config of an encoder like DNABERT with tokens of targets."""
        return {
            "vocab_size": self.dna_tokens + len(self.codec.tokens),
            "hidden_size": self.width,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "intermediate_size": self.inner,
            "layer_norm_eps": 1e-12,
            "type_vocab_size": 2,
        }
