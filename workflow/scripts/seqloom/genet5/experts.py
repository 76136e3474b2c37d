"""A feed-forward network that is a choice among several."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqloom.encoders.layers import Linear
from seqloom.genet5.shape import Shape


class Experts(nn.Module):
    """Each step goes through the `top_k` experts that a router prefers, and gets their mean."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        experts, width, inner = shape.experts, shape.width, shape.inner
        self.top_k = shape.top_k
        self.router = Linear(width, experts, bias=False)
        self.gated = nn.Parameter(torch.empty(experts, 2 * inner, width))
        self.out = nn.Parameter(torch.empty(experts, width, inner))
        self.bias = nn.Parameter(torch.empty(experts, width))

    def forward(self, x: Tensor) -> Tensor:
        steps = x.flatten(0, -2)
        scores, chosen = self.router(steps).float().topk(self.top_k, dim=1)
        shares = scores.softmax(dim=1)
        mixed = torch.zeros_like(steps)
        for number in range(len(self.gated)):
            rows, ranks = (chosen == number).nonzero(as_tuple=True)
            found = self._expert(number, steps[rows]) * shares[rows, ranks, None]
            mixed = mixed.index_add(0, rows, found.to(mixed.dtype))
        return mixed.view_as(x)

    def _expert(self, number: int, x: Tensor) -> Tensor:
        gate, up = F.linear(x, self.gated[number]).chunk(2, dim=-1)
        return F.linear(F.gelu(gate.contiguous()) * up, self.out[number], self.bias[number])
