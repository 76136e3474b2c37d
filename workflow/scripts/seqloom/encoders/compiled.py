"""An encoder compiled by torch.compile, as it runs on a GPU."""

import logging

import torch
from torch import Tensor, nn
from torch._dynamo.exc import TorchDynamoException

from seqloom.encoders.layers import Encoder

log = logging.getLogger(__name__)

# torch.compile makes one for each combination of: a single sequence, a mask, the attention.
_VARIANTS = 32


class Compiled(nn.Module):
    """The whole encoder as one graph for all lengths; its attention is chosen before each batch."""

    def __init__(self, encoder: Encoder, backend: str = "inductor") -> None:
        super().__init__()
        torch._dynamo.config.recompile_limit = _VARIANTS
        self.encoder = encoder
        self.run = torch.compile(encoder.forward, fullgraph=True, dynamic=True, backend=backend)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        self.encoder.choose_attention(ids, mask)
        try:
            return self.run(ids, mask)
        except TorchDynamoException as problem:
            reason = str(problem).strip().splitlines()[0]
            log.warning("the encoder runs as it is, since torch.compile fails here (%s)", reason)
            self.run = self.encoder.forward
            return self.run(ids, mask)
