"""A state for each base, the pointer at bases and the labels of bases."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqloom.encoders.layers import Linear
from seqloom.genet5.batches import WindowBatch
from seqloom.genet5.shape import Shape

MOTIFS = 128  # channels between the two convolutions, at most
_LONGEST_TOKEN = 32  # bases


class BaseStates(nn.Module):
    """States of bases: that of their token, their place in it, and a convolution of bases."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        motifs = min(MOTIFS, shape.width)
        # The four bases, and how long the frames of both strands are open.
        self.motifs = nn.Conv1d(6, motifs, kernel_size=15, padding="same")
        self.mix = nn.Conv1d(motifs, shape.width, kernel_size=9, padding="same")
        self.offsets = nn.Embedding(_LONGEST_TOKEN, shape.width)
        self.norm = nn.LayerNorm(shape.width)

    def features(self, windows: WindowBatch) -> Tensor:
        """[B, L, W] of bases and frames; beyond the ends of a window all is 0."""
        known = torch.cat([F.one_hot(windows.bases, 6)[..., :4], windows.open_codons], dim=2)
        motifs = F.gelu(self.motifs(known.transpose(1, 2))) * windows.base_mask[:, None]
        return self.mix(motifs).transpose(1, 2)

    def forward(self, features: Tensor, tokens: Tensor, windows: WindowBatch) -> Tensor:
        """[B, L, W] from states of tokens [B, N, W]."""
        owners = windows.token_of_base
        states = tokens.gather(1, owners[..., None].expand(-1, -1, tokens.shape[2]))
        return self.norm(states + features + self.offsets(_offsets(owners)))


def _offsets(owners: Tensor) -> Tensor:
    """[B, L] how far each base is from the first of its token."""
    place = torch.arange(owners.shape[1], device=owners.device).expand_as(owners)
    is_first = owners != F.pad(owners, (1, 0), value=-1)[:, :-1]
    firsts = torch.where(is_first, place, 0).cummax(dim=1).values
    return (place - firsts).clamp(max=_LONGEST_TOKEN - 1)


class Pointer(nn.Module):
    """Logits of bases: the state of a step against the states of bases."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.query, self.key = (Linear(shape.width, shape.width) for _ in range(2))

    def forward(self, states: Tensor, keys: Tensor) -> Tensor:
        """[B, T, L] from [B, T, W] and keys [B, L, W]."""
        return self.query(states) @ keys.transpose(1, 2) / math.sqrt(keys.shape[2])


class SegmentHead(nn.Module):
    """Logits of the labels of each base."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        motifs = min(MOTIFS, shape.width)
        self.hidden = Linear(shape.width, motifs)
        self.labels = Linear(motifs, shape.labels)

    def forward(self, bases: Tensor) -> Tensor:
        return self.labels(F.gelu(self.hidden(bases)))
