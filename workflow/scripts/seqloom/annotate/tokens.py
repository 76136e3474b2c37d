"""A DNA tokenizer extended by the tokens of targets."""

from collections.abc import Sequence

from tokenizers import AddedToken, Tokenizer

from seqloom.errors import InputError


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
