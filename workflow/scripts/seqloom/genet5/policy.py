"""Probabilities of sampled steps, and what GRPO makes of them.

They are the same in roll-out and update: the softmax of logits at the temperature over the steps
that the grammar allows. Top-k and top-p alone decide which of these are drawn; they do not enter
the probabilities, so that a step that was drawn has one under every model. The frozen reference,
too, is read at that temperature with those masks.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from seqloom.genet5.batches import TargetBatch, WindowBatch
from seqloom.genet5.losses import allowed_log_probabilities
from seqloom.genet5.network import GeneT5

_CLIP = 0.2  # of the ratio of a step's probabilities after and before an update


@dataclass(frozen=True)
class Group:
    """The samples of a window, with their log-probabilities before the update, and advantages."""

    windows: WindowBatch  # one
    targets: TargetBatch  # a row a sample
    before: Tensor  # [samples, T - 1] log-probabilities of steps
    reference: Tensor  # likewise
    advantages: Tensor  # [samples]

    @property
    def is_step(self) -> Tensor:
        """[samples, T - 1] False at padding."""
        return ((self.targets.tokens >= 0) | (self.targets.positions >= 0))[:, 1:]


def advantages(rewards: Tensor) -> Tensor:
    """How many standard deviations each reward of a group is above their mean."""
    exact = rewards.double()  # in float32 the mean of equal rewards differs from them
    return ((exact - exact.mean()) / (exact.std(correction=0) + 1e-6)).float()


def policy_losses(now: Tensor, before: Tensor, advantage: Tensor) -> Tensor:
    """Of steps, by their log-probabilities; a ratio that has gone far enough has no gradient."""
    ratio = (now - before).exp()
    clipped = ratio.clamp(1 - _CLIP, 1 + _CLIP)
    return -torch.minimum(ratio * advantage, clipped * advantage)


def divergences(now: Tensor, reference: Tensor) -> Tensor:
    """The estimate k3 of the divergence from the reference, by step; its gradient is not 0."""
    difference = reference - now
    return difference.exp() - difference - 1


def log_probabilities(
    network: GeneT5, windows: WindowBatch, targets: TargetBatch, temperature: float
) -> Tensor:
    """[samples, T - 1] of the steps of several targets of one window; 0 at padding."""
    copies = torch.zeros(len(targets.tokens), dtype=torch.long, device=targets.tokens.device)
    memory = network.encode(windows).rows(copies)
    states = network.decode(targets.tokens[:, :-1], targets.positions[:, :-1], memory)
    found = torch.zeros(states.shape[:2], device=states.device)
    for logits, chosen, allowed in (
        (network.token_logits(states), targets.tokens, targets.allowed_tokens),
        (network.base_logits(states, memory), targets.positions, targets.allowed_bases),
    ):
        is_here = chosen[:, 1:] >= 0
        values = allowed_log_probabilities(logits[is_here] / temperature, allowed[:, 1:][is_here])
        of_chosen = values.gather(1, chosen[:, 1:][is_here][:, None])[:, 0]
        found = found.masked_scatter(is_here, of_chosen)
    return found
