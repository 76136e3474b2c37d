"""Attention without a matrix of all pairs of tokens, for windows of thousands of them.

The kernel of `encoders.attention` computes the bias of ALiBi where it runs. Elsewhere queries come
in pieces, each with the bias of its own rows, which is computed again for the backward pass.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from seqloom.encoders.attention_operator import Attend

PIECE_NUMBERS = 1 << 24  # of the bias that is in memory at once


def in_pieces(slopes: Tensor, mask: Tensor, rows: int | None = None) -> Attend:
    """Attention with ALiBi, `rows` queries at once; the mask [B, N] is False at padding."""
    batch, length = mask.shape
    rows = rows or max(PIECE_NUMBERS // (batch * len(slopes) * length), 1)
    place = torch.arange(length, device=mask.device)

    def piece(query: Tensor, key: Tensor, value: Tensor, first: int) -> Tensor:
        distance = (place[first : first + rows, None] - place).abs()
        bias = _alibi(slopes, distance, mask[:, None, None], query.dtype)
        return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        firsts = range(0, length, rows)
        if not torch.is_grad_enabled():
            # Results kept one by one would lie between the biases and keep their memory in use.
            mixed = torch.empty_like(query)
            for first in firsts:
                own = query[:, :, first : first + rows]
                mixed[:, :, first : first + rows] = piece(own, key, value, first)
            return mixed
        pieces = [
            checkpoint(
                piece, query[:, :, first : first + rows], key, value, first, use_reentrant=False
            )
            for first in firsts
        ]
        return torch.cat(pieces, dim=2)

    if rows < length:
        return attend
    whole = _alibi(slopes, (place[:, None] - place).abs(), mask[:, None, None], torch.float32)
    return lambda query, key, value: F.scaled_dot_product_attention(
        query, key, value, attn_mask=whole.to(query.dtype)
    )


def sparse(slopes: Tensor, mask: Tensor, block: int) -> Attend:
    """Attention with ALiBi of each block of queries to itself, its neighbors and the first block.

    The last block is filled up with padding.
    """
    batch, length = mask.shape
    missing = -length % block
    count = (length + missing) // block
    own = torch.arange(count, device=mask.device)[:, None]
    seen = torch.cat([own - 1, own, own + 1, torch.zeros_like(own)], dim=1)  # [blocks, 4]
    is_there = (seen >= 0) & (seen < count)
    is_there[:, 3] = own[:, 0] > 1  # else it is a neighbor
    seen = seen.clamp(0, count - 1)
    inside = torch.arange(block, device=mask.device)
    keys = (seen[..., None] * block + inside).flatten(1)  # [blocks, 4 * block]
    queries = own * block + inside
    distance = (queries[:, :, None] - keys[:, None]).abs()
    shown = F.pad(mask, (0, missing))[:, keys] & is_there.repeat_interleave(block, dim=1)
    bias = _alibi(slopes, distance[:, None], shown[:, :, None, None], torch.float32).flatten(0, 1)

    def blocks(x: Tensor) -> Tensor:
        """[B, heads, N, size] -> [B, blocks, heads, block, size]."""
        return F.pad(x, (0, 0, 0, missing)).unflatten(2, (count, block)).transpose(1, 2)

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        key, value = (
            blocks(x)[:, seen].transpose(2, 3).flatten(3, 4).flatten(0, 1) for x in (key, value)
        )
        query = blocks(query).flatten(0, 1)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        return mixed.unflatten(0, (batch, count)).transpose(1, 2).flatten(2, 3)[:, :, :length]

    return attend


def causal_bias(slopes: Tensor, first: int, last: int) -> Tensor:
    """[heads, last - first, last] of steps that see themselves and those before."""
    place = torch.arange(last, device=slopes.device)
    ago = place[first:, None] - place
    return _alibi(slopes, ago, ago >= 0, torch.float32)


def _alibi(slopes: Tensor, distance: Tensor, shown: Tensor, dtype: torch.dtype) -> Tensor:
    """The bias by distance [..., queries, keys], -inf where nothing is shown."""
    bias = -slopes.float().view(-1, 1, 1) * distance
    return bias.to(dtype).masked_fill(~shown, float("-inf"))
