"""The encoders by name, each with the tokenizer it is published with."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from seqloom.config.registry import TRANSFORMERS
from seqloom.encoders.auto import Auto, auto_tokenizer
from seqloom.encoders.dnabert import Dnabert
from seqloom.encoders.esm import Esm
from seqloom.encoders.esmc import Esmc
from seqloom.encoders.layers import Encoder
from seqloom.encoders.t5 import T5
from seqloom.encoders.tokenizers import (
    demo_t5_tokenizer,
    esm_tokenizer,
    load_tokenizer,
    published_esm_tokenizer,
    published_t5_tokenizer,
    train_dna_tokenizer,
)
from seqloom.errors import InputError


@dataclass(frozen=True)
class Architecture:
    """An encoder, its tokenizer, and how many special tokens that puts around a sequence.

    `before` and `after` are None where each tokenizer has its own.
    """

    encoder: type[Encoder]
    tokenizer: Callable[[Path], Tokenizer]  # from a published folder
    tokenizer_files: frozenset[str]  # without which that folder is incomplete
    demo_tokenizer: Callable[[Iterable[str]], Tokenizer] | None = None  # from demo genomes
    before: int | None = 1
    after: int | None = 1
    libraries: tuple[str, ...] = ()  # whose version decides a vector, beside those of all


def _tokenizer_json(folder: Path) -> Tokenizer:
    return load_tokenizer(folder / "tokenizer.json")


_JSON = frozenset({"tokenizer.json"})
ARCHITECTURES = {
    "dnabert": Architecture(Dnabert, _tokenizer_json, _JSON, train_dna_tokenizer),
    "esm": Architecture(Esm, published_esm_tokenizer, frozenset(), lambda _: esm_tokenizer()),
    "esmc": Architecture(Esmc, _tokenizer_json, _JSON, lambda _: esm_tokenizer()),
    "t5": Architecture(
        T5,
        published_t5_tokenizer,
        frozenset({"spiece.model"}),
        lambda _: demo_t5_tokenizer(),
        before=0,
    ),
    TRANSFORMERS: Architecture(
        Auto,
        auto_tokenizer,
        frozenset({"tokenizer_config.json"}),
        before=None,
        after=None,
        libraries=("transformers",),
    ),
}


def build_encoder(architecture: str, config: Mapping[str, Any], where: str | Path) -> Encoder:
    """An encoder of the shape that `config` (of the file `where`) gives, without weights yet."""
    try:
        # On the meta device nothing is allocated and no random weights are drawn.
        with torch.device("meta"):
            return ARCHITECTURES[architecture].encoder(config).eval()
    except KeyError as error:
        raise InputError(f"{where}: {error} is missing, which {architecture} needs") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{where}: {error}") from error
