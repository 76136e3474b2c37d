"""GeneT5: from a window of DNA to its genes, as tokens and as pointers at bases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from seqloom.genet5.batches import WindowBatch
from seqloom.genet5.decoder import Cache, Decoder
from seqloom.genet5.encoder import TokenAdditions, WindowEncoder
from seqloom.genet5.pointer import BaseStates, Pointer, SegmentHead
from seqloom.genet5.shape import Shape


@dataclass(frozen=True)
class Memory:
    """What is known of windows once they are read."""

    tokens: Tensor  # [B, N, W]
    token_mask: Tensor
    bases: Tensor  # [B, L, W]
    base_mask: Tensor
    keys: Tensor  # [B, L, W] of bases, for the pointer

    def rows(self, index: Tensor) -> "Memory":
        """The memory of the windows `index`, which may name one several times."""
        return Memory(*(getattr(self, field.name)[index] for field in fields(self)))

    @staticmethod
    def joined(parts: Sequence["Memory"]) -> "Memory":
        """One after the other, padded to the longest."""
        return Memory(*(_joined([getattr(p, f.name) for p in parts]) for f in fields(Memory)))


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """[B, L, ...] of parts of other lengths; 0 and False beyond them."""
    most = max(part.shape[1] for part in parts)
    whole = parts[0].new_zeros(sum(map(len, parts)), most, *parts[0].shape[2:])
    first = 0
    for part in parts:
        whole[first : first + len(part), : part.shape[1]] = part
        first += len(part)
    return whole


@dataclass(frozen=True)
class Outputs:
    """Logits of all steps."""

    token_logits: Tensor  # [B, T, V]
    base_logits: Tensor  # [B, T, L]
    segment_logits: Tensor  # [B, L, labels]


class GeneT5(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = WindowEncoder(shape)
        self.additions = TokenAdditions(shape)
        self.base_states = BaseStates(shape)
        self.decoder = Decoder(shape)
        self.pointer = Pointer(shape)
        self.segment = SegmentHead(shape)

    def recompute(self, wanted: bool = True) -> None:
        """Whether layers are computed again in the backward pass, to save memory."""
        self.encoder.recomputes = self.decoder.recomputes = wanted

    def encode(self, windows: WindowBatch) -> Memory:
        features = self.base_states.features(windows)
        added = self.additions(features, windows)
        tokens = self.encoder(windows.ids, windows.token_mask, added)
        bases = self.base_states(features, tokens, windows)
        keys = self.pointer.key(bases)
        return Memory(tokens, windows.token_mask, bases, windows.base_mask, keys)

    def decode(
        self, tokens: Tensor, positions: Tensor, memory: Memory, cache: Cache | None = None
    ) -> Tensor:
        """States [B, T, W] of steps [B, T]; with a cache only the new steps are given."""
        words = self._target_embeddings[tokens.clamp(min=0)]
        places = positions.clamp(min=0)[..., None].expand(-1, -1, self.shape.width)
        pointed = memory.bases.gather(1, places)
        x = torch.where(positions[..., None] >= 0, pointed, words)
        x = x + self.encoder.embeddings.token_type_embeddings.weight[0]
        return self.decoder(x, memory.tokens, memory.token_mask, cache)

    def cache(self, memory: Memory) -> Cache:
        """An empty cache."""
        return self.decoder.cache(memory.tokens, memory.token_mask)

    def token_logits(self, states: Tensor) -> Tensor:
        """[B, T, V] by the embeddings of the tokens of targets."""
        return states @ self._target_embeddings.T

    def base_logits(self, states: Tensor, memory: Memory) -> Tensor:
        """[B, T, L]."""
        return self.pointer(states, memory.keys)

    def logits_at(self, states: Tensor, memory: Memory, rows: Tensor, bases: Tensor) -> Tensor:
        """[n, K] of a state [n, W] each, for K bases [n, K] of these rows of the memory."""
        return self.pointer(states[:, None], memory.keys[rows[:, None], bases])[:, 0]

    def segment_logits(self, memory: Memory) -> Tensor:
        """[B, L, labels]."""
        return self.segment(memory.bases)

    def forward(self, windows: WindowBatch, tokens: Tensor, positions: Tensor) -> Outputs:
        memory = self.encode(windows)
        states = self.decode(tokens, positions, memory)
        return Outputs(
            self.token_logits(states), self.base_logits(states, memory), self.segment_logits(memory)
        )

    @staticmethod
    def own_tensors(checkpoint: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Those of a model folder, as they are."""
        return dict(checkpoint)

    @property
    def _target_embeddings(self) -> Tensor:
        return self.encoder.embeddings.word_embeddings.weight[self.shape.dna_tokens :]
