"""The sections `model`, `sft`, `grpo` and `predict` of gene annotation: what follows from them."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from seqloom.config.held_out import held_out
from seqloom.config.sharding import shard_names

# The backend that has the weights of `model: from`.
WEIGHTS = {"dnabert2": "dnabert_2", "dnabert_s": "dnabert_s"}
_DNABERT = {"width": 768, "layers": 12, "heads": 12, "inner": 3072}
# The heads of the model.
POINTER, SEGMENT = "pointer", "segment"
_TOKENS = 4126  # of the decoder, and of DNABERT


def shape_of(annotate: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of the model's architecture, as its script names them."""
    model = annotate["model"]
    shape = {key: model[key] or number for key, number in _DNABERT.items()}
    shape["decoder_layers"] = model["decoder_layers"] or shape["layers"]
    return shape | {key: model[key] for key in ("experts", "top_k", "sparse_block")}


def parameters_of(annotate: Mapping[str, Any]) -> float:
    """All weights of the model, but for the few of its heads and norms."""
    shape = shape_of(annotate)
    return _weights(shape, shape["experts"]) + _TOKENS * shape["width"]


def weights_read(annotate: Mapping[str, Any]) -> float:
    """Weights that a token meets: of experts only those that it goes through."""
    shape = shape_of(annotate)
    return _weights(shape, shape["top_k"])


def _weights(shape: Mapping[str, Any], experts: int) -> float:
    """Of the matrices of all layers: a gated layer has three, attention four."""
    width, inner = shape["width"], shape["inner"]
    encoder = 4 * width**2 + 3 * width * inner
    decoder = 8 * width**2 + 3 * width * inner * experts
    return shape["layers"] * encoder + shape["decoder_layers"] * decoder


def training_species(annotate: Mapping[str, Any]) -> list[str]:
    """The species that are not held out whole, by name."""
    whole = {place.species for place in held_out(annotate) if place.contig is None}
    return sorted(annotate["species"].keys() - whole)


def longest_window(annotate: Mapping[str, Any], sample: str) -> int:
    """The longest window of the taxon of a species that is baked, in bases."""
    windows, taxa = annotate["windows"], annotate["species"] | annotate["predict"]["samples"]
    return (windows["sliding"] or [windows["limits"][taxa[sample]]])[0]


def predicted_samples(annotate: Mapping[str, Any]) -> list[str]:
    """Those that our programs read, by name: the order of the config has no effect."""
    return sorted([*annotate["species"], *annotate["predict"]["samples"]])


def tile_of(annotate: Mapping[str, Any], sample: str) -> tuple[int, int]:
    """Bases that prediction reads at once, and how many of them the next reading shares."""
    chosen = annotate["predict"]
    window = chosen["window"] or longest_window(annotate, sample)
    return window, window // 4 if chosen["overlap"] is None else chosen["overlap"]


def parts_of(annotate: Mapping[str, Any], bases: float) -> tuple[str, ...]:
    """The names of the parts of a genome that are predicted by a job each."""
    return shard_names(math.ceil(bases / annotate["predict"]["job_bases"]))


def programs_of(annotate: Mapping[str, Any]) -> dict[str, str]:
    """Our own programs in the table of scores, and the head that each of them is."""
    if not annotate["model"]:
        return {}
    found = {"genet5_sft": POINTER, "genet5_grpo": POINTER, "genet5_segment": SEGMENT}
    if not annotate["grpo"]:
        del found["genet5_grpo"]
    return {name: head for name, head in found.items() if head in annotate["predict"]["heads"]}


def model_problems(annotate: Mapping[str, Any]) -> Iterator[str]:
    """Problems of these sections that their schema cannot find."""
    model = annotate["model"]
    if not model:
        if annotate["grpo"]:
            yield "config: annotate.grpo: there is no model to refine; add `model: {}`"
        if annotate["predict"]["samples"]:
            yield (
                "config: annotate.predict.samples: there is no model to find their genes; add "
                "`model: {}`"
            )
        return
    weights = WEIGHTS.get(model["from"])
    if weights and annotate["backend"] != weights:
        yield (
            f"config: annotate.model.from: {model['from']} has the weights of the backend "
            f"{weights}, but annotate.backend is {annotate['backend']}; set it to {weights}, or "
            "start from random"
        )
    for key in _DNABERT:
        if weights and model[key]:
            yield (
                f"config: annotate.model.{key}: a model from {model['from']} has that of the "
                "backend; remove it, or start from random"
            )
    shape = shape_of(annotate)
    if shape["width"] % shape["heads"]:
        yield (
            f"config: annotate.model.heads: {shape['heads']} heads do not divide the width "
            f"{shape['width']}; choose others"
        )
    if shape["top_k"] > shape["experts"]:
        yield (
            f"config: annotate.model.top_k: a step cannot go through {shape['top_k']} experts of "
            f"{shape['experts']}; lower it, or raise experts"
        )
    places = held_out(annotate)
    if not any(place.part == "validation" for place in places):
        yield (
            "config: annotate.validation: nothing is held out, but the best model is chosen by it; "
            "name a species, a contig or a stretch"
        )
    if not training_species(annotate):
        yield (
            "config: annotate.species: all are held out for validation or test, and nothing is "
            "left to train on; add a species, or hold out less"
        )
    if annotate["grpo"] and POINTER not in annotate["predict"]["heads"]:
        yield (
            "config: annotate.predict.heads: grpo refines the pointer, which is not among them; "
            "add pointer, or remove grpo"
        )
    for sample in predicted_samples(annotate):
        window, overlap = tile_of(annotate, sample)
        if overlap >= window:
            yield (
                f"config: annotate.predict.overlap: {overlap} bases are not less than the window "
                f"of {window}; lower it"
            )
