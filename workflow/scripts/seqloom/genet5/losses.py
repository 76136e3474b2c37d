"""The loss of a batch, in sums: who trains divides by counts, also over batches and ranks."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from seqloom.genet5.batches import TargetBatch, WindowBatch
from seqloom.genet5.network import Outputs


@dataclass(frozen=True)
class Sum:
    """A sum of losses and how many there are."""

    loss: Tensor
    count: Tensor

    @property
    def mean(self) -> float:
        return float(self.loss.detach() / self.count.clamp(min=1))


@dataclass(frozen=True)
class LossSums:
    types: Sum  # of steps that are tokens
    bases: Sum  # of steps that are positions
    segment: Sum  # of the labels of bases

    @property
    def loss(self) -> Tensor:
        """The sum over steps."""
        return self.types.loss + self.bases.loss

    @property
    def count(self) -> Tensor:
        """How many steps there are."""
        return self.types.count + self.bases.count

    @property
    def parts(self) -> dict[str, float]:
        """The mean of each part, for logs."""
        return {"type": self.types.mean, "base": self.bases.mean, "segment": self.segment.mean}


def loss_sums(
    outputs: Outputs,
    targets: TargetBatch,
    windows: WindowBatch,
    smoothing: float,
    labels: Tensor | None = None,
) -> LossSums:
    """Losses of outputs for steps [:, :-1] of the targets; `labels` [B, L] are those of bases.

    A step has the cross-entropy over what the grammar allows there, and smoothing gives a share
    of the probability to all of that alike.
    """
    return LossSums(
        _sum(outputs.token_logits, targets.tokens, targets.allowed_tokens, smoothing),
        _sum(outputs.base_logits, targets.positions, targets.allowed_bases, smoothing),
        _segment_sum(outputs.segment_logits, windows.base_mask, labels),
    )


def allowed_log_probabilities(logits: Tensor, allowed: Tensor) -> Tensor:
    """[..., choices] over the allowed ones alone, -inf for all others."""
    return logits.float().masked_fill(~allowed, float("-inf")).log_softmax(dim=-1)


def _sum(logits: Tensor, chosen: Tensor, allowed: Tensor, smoothing: float) -> Sum:
    is_step = chosen[:, 1:] >= 0
    chosen, allowed = chosen[:, 1:][is_step], allowed[:, 1:][is_step]
    found = allowed_log_probabilities(logits[is_step], allowed)
    of_chosen = found.gather(1, chosen[:, None])[:, 0]
    of_all = found.masked_fill(~allowed, 0).sum(dim=1) / allowed.sum(dim=1)
    loss = -(1 - smoothing) * of_chosen - smoothing * of_all
    return Sum(loss.sum(), is_step.sum())


def _segment_sum(logits: Tensor, mask: Tensor, labels: Tensor | None) -> Sum:
    """Without labels it is 0, with a gradient of 0 for the head, which DDP waits for."""
    if labels is None:
        return Sum(logits.sum() * 0, mask.sum())
    loss = F.cross_entropy(logits[mask].float(), labels[mask], reduction="sum")
    return Sum(loss, mask.sum())
