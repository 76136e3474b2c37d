"""From token states [batch, length, width] to one vector a sequence.

A mask [batch, length] is False at the padding that follows a sequence; without one, nothing is
padded.
"""

from torch import Tensor

from seqloom.encoders.readings import Reading


def mean_tokens(states: Tensor, mask: Tensor | None, reading: Reading) -> Tensor:
    """Mean over all tokens, special ones included."""
    return _mean(states, mask)


def mean_residues(states: Tensor, mask: Tensor | None, reading: Reading) -> Tensor:
    """Mean over the residues, without special tokens."""
    end = states.shape[1] - reading.after
    # A token is a residue if its sequence has a token `after` places behind it.
    residues = None if mask is None else mask[:, reading.before + reading.after :]
    return _mean(states[:, reading.before : end], residues)


def _mean(states: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return states.mean(dim=1)
    kept = mask.unsqueeze(-1)
    return states.where(kept, 0).sum(dim=1) / kept.sum(dim=1)


POOLINGS = {"mean_tokens": mean_tokens, "mean_residues": mean_residues}
