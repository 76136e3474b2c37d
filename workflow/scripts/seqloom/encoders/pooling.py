"""From token states [batch, length, width] to one vector a sequence.

A mask [batch, length] is False at the padding that follows a sequence; without one, nothing is
padded.
"""

from torch import Tensor


def mean_tokens(states: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean over all tokens, the special first and last included."""
    if mask is None:
        return states.mean(dim=1)
    kept = mask.unsqueeze(-1)
    return states.where(kept, 0).sum(dim=1) / kept.sum(dim=1)


def mean_residues(states: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean over the residues, without the special first and last token."""
    # A residue is followed by the last token; the first one is followed by residues.
    return mean_tokens(states[:, 1:-1], None if mask is None else mask[:, 2:])


POOLINGS = {"mean_tokens": mean_tokens, "mean_residues": mean_residues}
