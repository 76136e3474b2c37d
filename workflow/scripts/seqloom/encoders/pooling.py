"""From token states [batch, length, width] to one vector a sequence; no row is padded."""

from torch import Tensor


def mean_tokens(states: Tensor) -> Tensor:
    """Mean over all tokens, the special first and last included."""
    return states.mean(dim=1)


def mean_residues(states: Tensor) -> Tensor:
    """Mean over the residues, without the special first and last token."""
    return states[:, 1:-1].mean(dim=1)


POOLINGS = {"mean_tokens": mean_tokens, "mean_residues": mean_residues}
