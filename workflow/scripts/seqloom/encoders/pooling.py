"""From token states [batch, length, width] to a vector for each sequence, or each residue."""

import torch
from torch import Tensor

# Whether the mean over the tokens of a sequence includes the special ones around it.
SPECIAL_TOKENS_COUNT = {"mean_tokens": True, "mean_residues": False}


def mean_states(states: Tensor, begins: Tensor, ends: Tensor) -> Tensor:
    """The mean state of each row, from its `begins` to its `ends` [batch]."""
    own = _own_tokens(states, begins, ends)
    return states.where(own.unsqueeze(-1), 0).sum(dim=1) / (ends - begins).unsqueeze(-1)


def single_states(states: Tensor, begins: Tensor, ends: Tensor) -> Tensor:
    """The states of each row, from its `begins` to its `ends`, one row after the other."""
    return states[_own_tokens(states, begins, ends)]


def _own_tokens(states: Tensor, begins: Tensor, ends: Tensor) -> Tensor:
    places = torch.arange(states.shape[1], device=states.device)
    return (places >= begins.unsqueeze(-1)) & (places < ends.unsqueeze(-1))
