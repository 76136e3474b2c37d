"""The tensors of a new model: from DNABERT where it has them, else random or zero.

Layers of the decoder start as those of the encoder, with a way to the window that adds nothing yet;
what windows add to the tokens of DNABERT starts at zero too.
"""

import re
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from seqloom.annotate.resizing import EMBEDDINGS, resized
from seqloom.errors import InputError
from seqloom.genet5.network import GeneT5
from seqloom.genet5.shape import Shape

# The parts of an expert by those of a feed-forward network.
_EXPERT = {"gated": "gated_layers.weight", "out": "wo.weight", "bias": "wo.bias"}


def initial_model(
    shape: Shape, seed: int, source: Mapping[str, Tensor] | None = None, name: str = ""
) -> tuple[GeneT5, dict[str, str]]:
    """A new model, and for each tensor where it is from; `source` is DNABERT of this `name`."""
    with torch.device("meta"):
        network = GeneT5(shape)
    if source is not None:
        _refuse_other_shape(shape, source, name)
        total = len(source[EMBEDDINGS]), shape.dnabert()["vocab_size"]
        source = resized({key: t.float() for key, t in source.items()}, total[1], seed)
    generator = np.random.default_rng(seed)
    tensors, origins = {}, {}
    for key, wanted in network.state_dict().items():
        if origin := _origin(key, source or {}):
            copied = source[origin]
            tensors[key] = copied.expand(wanted.shape).clone()
            origins[key] = f"copied from {name}: {origin}"
            if origin == EMBEDDINGS:
                origins[key] = (
                    f"rows 0 to {total[0] - 1} copied from {name}: {origin}, the others "
                    "random(mean and std of each of its columns)"
                )
        else:
            tensors[key], origins[key] = _new(key, wanted.shape, generator, source is not None)
    network.load_state_dict(tensors, strict=True, assign=True)
    for parameter in network.parameters():
        parameter.requires_grad_()
    return network, origins


def _refuse_other_shape(shape: Shape, source: Mapping[str, Tensor], name: str) -> None:
    if len(source[EMBEDDINGS]) != shape.dna_tokens:
        raise InputError(
            f"{name}: it has {len(source[EMBEDDINGS])} tokens, the baked set was tokenized with "
            f"{shape.dna_tokens}; bake the set with the tokenizer of this model"
        )
    if shape.decoder_layers > shape.layers:
        raise InputError(
            f"shape of the model: {shape.decoder_layers} layers of the decoder start as the "
            f"{shape.layers} of {name}; give it as many or fewer"
        )


def _origin(key: str, source: Mapping[str, Tensor]) -> str | None:
    """The tensor of DNABERT that this one starts as."""
    key = key.replace("decoder.norm.", "embeddings.LayerNorm.")
    key = re.sub(r"mlp\.experts\.(gated|out|bias)$", lambda found: f"mlp.{_EXPERT[found[1]]}", key)
    key = key.removeprefix("encoder.").replace("decoder.layer.", "encoder.layer.")
    return key if key in source else None


def _new(
    key: str, shape: torch.Size, generator: np.random.Generator, has_source: bool
) -> tuple[Tensor, str]:
    """A tensor that DNABERT does not have, and what it is."""
    is_gate, is_way_to_window = key.startswith("additions."), ".cross.output." in key
    if key.lower().endswith("norm.weight"):
        return torch.ones(shape), "one"
    if key.endswith("bias") or (has_source and (is_gate or is_way_to_window)):
        return torch.zeros(shape), "zero"
    deviation = _inputs(key, shape) ** -0.5
    if is_gate:  # what is added is about as large as the embeddings
        return torch.full(shape, deviation), f"constant({deviation:.4g})"
    # numpy's generator gives the same numbers on every CPU.
    values = generator.standard_normal(tuple(shape), dtype=np.float32) * np.float32(deviation)
    return torch.from_numpy(values), f"random(std={deviation:.4g})"


def _inputs(key: str, shape: torch.Size) -> int:
    """How many numbers are summed with these weights, or would be by a tied head."""
    if key == "base_states.motifs.weight":
        return shape[2]  # one base of the four is there
    if ".experts." in key or len(shape) == 1:
        return shape[-1]
    return int(np.prod(shape[1:]))
