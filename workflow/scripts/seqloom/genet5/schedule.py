"""The learning rate of each step, and the optimizer."""

import math
from collections.abc import Iterator

import torch
from torch import nn

BETAS = 0.9, 0.95


def learning_rate(step: int, steps: int, warmup: float, highest: float) -> float:
    """That of a step (from 1 on): it rises over the share `warmup`, then falls as a cosine to 0."""
    rising = max(1, round(warmup * steps))
    if step <= rising:
        return highest * step / rising
    return highest * (1 + math.cos(math.pi * (step - rising) / (steps - rising + 1))) / 2


def adamw(network: nn.Module, weight_decay: float) -> torch.optim.AdamW:
    """AdamW without decay of biases and norms, nor of embeddings.

    A token that the genomes lack has no gradient, and decay alone would lead its embedding to 0.
    """
    embeddings = {
        id(module.weight) for module in network.modules() if isinstance(module, nn.Embedding)
    }

    def chosen(decays: bool) -> Iterator[nn.Parameter]:
        for parameter in network.parameters():
            if decays == (parameter.ndim > 1 and id(parameter) not in embeddings):
                yield parameter

    groups = [
        {"params": list(chosen(decays=True)), "weight_decay": weight_decay},
        {"params": list(chosen(decays=False)), "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, betas=BETAS, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
