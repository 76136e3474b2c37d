"""Before the first job of a model that nobody here has seen: is a vector its own in any batch?"""

import logging
from pathlib import Path

import numpy as np
import torch

from seqloom.config.registry import Backend
from seqloom.embedding.compute import pooled
from seqloom.embedding.engine import tokenize
from seqloom.embedding.loading import Model
from seqloom.encoders.architectures import build_encoder
from seqloom.encoders.readings import LETTERS
from seqloom.errors import InputError
from seqloom.models.fetch import Source

log = logging.getLogger(__name__)

# Of a vector's length, in float32; rounding is a hundred times less, what depends on padding more.
_TOLERANCE = 1e-4
# Two short sequences are padded to a long one, which fills the longest input up to this.
_SHORT = (7, 61)
_MOST_TOKENS = 1024
# Enough for that many tokens of any tokenizer for DNA.
_LONG = 8192


@torch.inference_mode()
def check_padding(backend: Backend, source: Source) -> None:
    """Embed sequences padded in a batch and alone; refuse a model if that makes a difference."""
    model = _model(backend, source)
    pieces = tokenize(model, _sequences(backend.molecule)).pieces
    chosen = pieces.firsts
    longest = pieces.lengths[chosen].max()
    try:
        alone = torch.cat([pooled(model, pieces, chosen[[i]]) for i in range(len(chosen))])
        together = pooled(model, pieces, chosen)
        tokens, _ = pieces.padded(chosen[:1], pieces.lengths[chosen[0]])
        states = model.encoder(torch.from_numpy(tokens), None)
    except Exception as error:  # a model raises whatever its code leads it to
        raise InputError(
            f"{backend.name}: its model does not read a sequence of {longest} tokens "
            f"({type(error).__name__}: {error}); correct max_length of {backend.described_in}, or "
            "take another model"
        ) from error
    if states.shape != (1, tokens.shape[1], backend.width):
        raise InputError(
            f"{backend.name}: {tokens.shape[1]} tokens give states of the shape "
            f"{list(states.shape[1:])}, not [{tokens.shape[1]}, {backend.width}]; correct width of "
            f"{backend.described_in}, or take another model"
        )
    off = ((together - alone).norm(dim=1) / alone.norm(dim=1)).max().item()
    if not off <= _TOLERANCE:
        raise InputError(
            f"{backend.name}: a vector depends on the padding of its batch: it is {off:.2g} of its "
            f"length off, {_TOLERANCE:.0e} is allowed in float32; this model cannot be used"
        )
    log.info("%s: padded and alone the vectors are the same (%.1g off)", backend.name, off)


def _model(backend: Backend, source: Source) -> Model:
    encoder = build_encoder(backend.architecture, source.config, backend.name)
    encoder.load_state_dict(source.tensors, assign=True)
    encoder.set_precision(torch.float32)
    around = source.reading.before + source.reading.after
    if backend.max_length <= around:
        raise InputError(
            f"{backend.name}: max_length is {backend.max_length}, but {around} tokens are special; "
            f"correct it in {backend.described_in}"
        )
    description = {
        "backend": backend.name,
        "pooling": backend.pooling,
        "max_length": min(backend.max_length, _MOST_TOKENS),
    }
    return Model(
        folder=Path(),
        description=description,
        reading=source.reading,
        tokenizer=source.tokenizer,
        encoder=encoder,
        device=torch.device("cpu"),
        dtype="float32",
    )


def _sequences(molecule: str) -> list[str]:
    generator = np.random.default_rng(1)
    letters = list(LETTERS[molecule])
    return ["".join(generator.choice(letters, length)) for length in (*_SHORT, _LONG)]
