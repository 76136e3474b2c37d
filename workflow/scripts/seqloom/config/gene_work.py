"""The work and memory of GeneT5's jobs: arithmetic, held against one demo on a CPU.

Nothing was measured on a GPU.
"""

import math
from collections.abc import Mapping

from seqloom.config.gene_model import (
    SEGMENT,
    longest_window,
    parameters_of,
    parts_of,
    predicted_samples,
    programs_of,
    shape_of,
    tile_of,
    training_species,
    weights_read,
)
from seqloom.config.settings import Settings

_BASES_PER_TOKEN = 4.67
# Operations per weight and token: forward alone, and with the gradient.
_READ, _TRAINED = 2, 6
# Per base and width, of training: states of bases, pointer, attention. The demo took so many.
_BY_BASE = 160_000
# Arithmetic: a gene of one exon in each kilobase is seven steps. Seconds of a step, and of a base
# that is labeled: those of the demo on a CPU.
_STEPS_PER_BASE, _STEP_SECONDS, _LABEL_SECONDS = 0.007, 0.02, 6e-6
# What grpo.py evaluates: windows, and how often at most.
_EVALUATED, _EVALUATIONS = 50, 10
# Weights, their gradient and the two averages of AdamW, in float32; and values that a layer keeps
# of a token, and the network of a base, in multiples of the width.
_BYTES_TRAINED, _BYTES_READ, _KEPT, _KEPT_OF_BASE = 16, 8, 28, 10


class GeneWork:
    """Arguments of the methods are names of rules and wildcards."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.annotate = settings, settings["annotate"]
        species = self.annotate["species"]
        self.longest = max(longest_window(self.annotate, sample) for sample in species)

    def operations(self, rule: str, wildcards: Mapping[str, str]) -> float:
        """Operations of the matrix products of a job."""
        by_token = _TRAINED * weights_read(self.annotate) / _BASES_PER_TOKEN
        by_base = by_token + _BY_BASE * shape_of(self.annotate)["width"]
        share = _READ / _TRAINED if rule == "predict_genet5" else 1
        return share * by_base * self._bases(rule, wildcards)

    def waiting(self, rule: str, wildcards: Mapping[str, str]) -> float:
        """Seconds of generation, step by step, or of the search for genes among labels."""
        bases, chosen = self._bases(rule, wildcards), self.annotate["sft"]
        if rule == "init":
            return 0
        if rule == "sft":
            evaluations = 1 + self._steps_of_sft() // chosen["evaluate_every"]
            bases = evaluations * chosen["evaluate_windows"] * self.longest
        elif rule == "grpo":
            evaluations = 1 + min(self.annotate["grpo"]["steps"], _EVALUATIONS)
            bases += evaluations * _EVALUATED * self.longest
        elif programs_of(self.annotate)[wildcards["program"]] == SEGMENT:
            return _LABEL_SECONDS * bases
        return _STEPS_PER_BASE * _STEP_SECONDS * bases

    def weights_bytes(self) -> float:
        return 4 * parameters_of(self.annotate)

    def memory_mb(self, rule: str) -> float:
        """Of the model, and of what is kept of the windows that are read at once."""
        shape, is_trained = shape_of(self.annotate), rule in ("sft", "grpo")
        tokens = self._bases_at_once(rule) / _BASES_PER_TOKEN
        if rule == "sft":
            tokens = max(tokens, self.annotate["sft"]["tokens_per_batch"])
        layers = (shape["layers"] + shape["decoder_layers"]) if is_trained else 1
        kept = _KEPT * layers * tokens + _KEPT_OF_BASE * tokens * _BASES_PER_TOKEN
        weights = (_BYTES_TRAINED if is_trained else _BYTES_READ) * parameters_of(self.annotate)
        return 1e-6 * (weights + 4 * shape["width"] * kept)

    def _bases_at_once(self, rule: str) -> int:
        if rule == "predict_genet5":
            windows = [tile_of(self.annotate, s)[0] for s in predicted_samples(self.annotate)]
            return self.annotate["predict"]["batch"] * max(windows)
        if rule == "grpo":
            return self.annotate["grpo"]["group"] * self.longest
        return self.longest if rule == "sft" else 0

    def _bases(self, rule: str, wildcards: Mapping[str, str]) -> float:
        """Bases that are read, again and again in training."""
        if rule == "init":
            return 0
        if rule == "predict_genet5":
            sample = wildcards["sample"]
            window, overlap = tile_of(self.annotate, sample)
            bases = self.settings.samples[sample].bases
            return bases / len(parts_of(self.annotate, bases)) * window / (window - overlap)
        if rule == "grpo":
            chosen = self.annotate["grpo"]
            return chosen["steps"] * chosen["prompts"] * chosen["group"] * self.longest
        return self._steps_of_sft() * self.annotate["sft"]["batch"] * self.longest

    def _steps_of_sft(self) -> int:
        chosen = self.annotate["sft"]
        size, step = self.annotate["windows"]["sliding"] or (1, 1)
        bases = sum(self.settings.samples[s].bases for s in training_species(self.annotate))
        windows = bases / self.longest * size / step
        return chosen["steps"] or chosen["epochs"] * math.ceil(windows / chosen["batch"])
