"""DNABERT over windows, with what its tokens alone do not tell."""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from seqloom.encoders.attention_operator import by_kernel
from seqloom.encoders.dnabert import Dnabert
from seqloom.genet5.attending import in_pieces, sparse
from seqloom.genet5.batches import WindowBatch
from seqloom.genet5.shape import Shape

_LONGEST_WAVE = 10_000


class WindowEncoder(Dnabert):
    """DNABERT, its tensors and their names, over windows of thousands of tokens."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape.dnabert())
        self.sparse_block = shape.sparse_block
        self.recomputes = False

    def forward(self, ids: Tensor, mask: Tensor, added: Tensor) -> Tensor:
        """States [B, N, W]; `added` [B, N, W] is added to the embeddings of the tokens."""
        x = self.embedded(self.embeddings.word_embeddings(ids) + added)
        self.choose_attention(ids, mask)
        if self.sparse_block:
            attend = sparse(self.slopes, mask, self.sparse_block)
        elif self.by_kernel:  # never run by us in this network
            attend = by_kernel(self.slopes, mask)
        else:
            attend = in_pieces(self.slopes, mask)
        for layer in self.encoder.layer:
            if self.recomputes:
                x = checkpoint(layer, x, attend, use_reentrant=False)
            else:
                x = layer(x, attend)
        return x

    @torch.compiler.disable
    def choose_attention(self, ids: Tensor, mask: Tensor) -> None:
        super().choose_attention(ids, mask)


class TokenAdditions(nn.Module):
    """What the first and the last base of a token add to it, and where it begins.

    Each has a gate by column; at 0 the encoder is DNABERT.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.first, self.last, self.start = (
            nn.Parameter(torch.zeros(shape.width)) for _ in range(3)
        )

    def forward(self, features: Tensor, windows: WindowBatch) -> Tensor:
        """[B, N, W] from features of bases [B, L, W]."""
        firsts, lasts, has_bases = _token_bases(windows)
        place = waves(firsts, features.shape[2]).to(features.dtype)
        added = self.first * _at(features, firsts) + self.last * _at(features, lasts)
        return (added + self.start * place) * has_bases[..., None]


def waves(places: Tensor, width: int) -> Tensor:
    """Sines and cosines of places, [..., width]."""
    steps = torch.arange(0, width, 2, device=places.device) / width
    angles = places[..., None] * _LONGEST_WAVE**-steps
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)[..., :width]


def _token_bases(windows: WindowBatch) -> tuple[Tensor, Tensor, Tensor]:
    """[B, N] the first and the last base of each token, and whether it has any."""
    owners, length = windows.token_of_base, windows.token_of_base.shape[1]
    place = torch.arange(length, device=owners.device).expand_as(owners)
    firsts = torch.full_like(windows.ids, length).scatter_reduce(1, owners, place, "amin")
    lasts = torch.full_like(windows.ids, -1).scatter_reduce(1, owners, place, "amax")
    has_bases = lasts >= 0
    has_bases[:, 0] = False  # [CLS], to which padding points
    return firsts.clamp(max=length - 1), lasts.clamp(min=0), has_bases


def _at(states: Tensor, places: Tensor) -> Tensor:
    """The rows of [B, L, W] at places [B, N]."""
    return states.gather(1, places[..., None].expand(-1, -1, states.shape[2]))
