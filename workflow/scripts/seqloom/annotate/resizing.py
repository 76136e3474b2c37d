"""A model with embeddings for the tokens of targets."""

from collections.abc import Mapping

import torch
from torch import Tensor

from seqloom.errors import InputError

EMBEDDINGS = "embeddings.word_embeddings.weight"


def resized(tensors: Mapping[str, Tensor], size: int, seed: int) -> dict[str, Tensor]:
    """The tensors with `size` rows of token embeddings: old ones kept, new ones random.

    New rows are drawn with the mean and spread of each column of the old.
    """
    old = tensors[EMBEDDINGS]
    if size < len(old):
        raise InputError(
            f"the tokenizer has {size} tokens, the model {len(old)}; extend the tokenizer that "
            "belongs to the model"
        )
    draws = torch.randn(
        size - len(old), old.shape[1], generator=torch.Generator().manual_seed(seed)
    )
    new = old.float().mean(0) + draws * old.float().std(0)
    return {**tensors, EMBEDDINGS: torch.cat([old, new.to(old.dtype)])}
