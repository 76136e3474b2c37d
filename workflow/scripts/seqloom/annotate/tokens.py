"""A DNA tokenizer and a model extended by the tokens of targets."""

from collections.abc import Mapping, Sequence

import torch
from tokenizers import AddedToken, Tokenizer
from torch import Tensor

from seqloom.errors import InputError

EMBEDDINGS = "embeddings.word_embeddings.weight"


def extended_tokenizer(tokenizer: Tokenizer, tokens: Sequence[str]) -> Tokenizer:
    """A tokenizer with `tokens` after all others, in their order; ids of others stay."""
    known = tokenizer.get_vocab()
    twice = [token for token in tokens if token in known or tokens.count(token) > 1]
    if twice:
        raise InputError(
            f"the tokenizer has the token {twice[0]} already, or it is listed twice; extend the "
            "tokenizer of the DNA model, once, by tokens that differ"
        )
    extended = Tokenizer.from_str(tokenizer.to_str())
    extended.add_special_tokens([AddedToken(token, normalized=False) for token in tokens])
    first = max(known.values()) + 1
    expected = known | {token: first + number for number, token in enumerate(tokens)}
    if extended.get_vocab() != expected:
        raise InputError("the tokenizer has gaps between its ids; use that of the DNA model")
    return extended


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
