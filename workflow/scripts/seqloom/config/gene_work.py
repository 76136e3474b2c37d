"""The work and memory of GeneT5's jobs, by arithmetic alone: none has been measured on a GPU."""

from collections.abc import Mapping

from seqloom.config.gene_model import (
    longest_window,
    parameters_of,
    parts_of,
    shape_of,
    tile_of,
    weights_read,
)
from seqloom.config.settings import Settings

_BASES_PER_TOKEN = 4.67
# Operations per weight and token: forward alone, and with the gradient.
_READ, _TRAINED = 2, 6
# A gene of one exon in each kilobase is seven steps of the decoder.
_STEPS_PER_BASE = 0.007
# Windows that are generated at once, and seconds that a step takes for all of them: guesses.
_WINDOWS, _STEP_SECONDS = 16, 0.01
# Weights, their gradient and the two averages of AdamW, in float32; and values that a layer keeps
# of a token, in multiples of its width.
_BYTES_TRAINED, _BYTES_READ, _KEPT = 16, 8, 24


class GeneWork:
    """Arguments of the methods are names of rules and wildcards."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.annotate = settings, settings["annotate"]

    def operations(self, rule: str, wildcards: Mapping[str, str]) -> float:
        """Operations of the matrix products of a job."""
        tokens = self._bases(rule, wildcards) / _BASES_PER_TOKEN
        if rule == "predict_genet5":
            return _READ * weights_read(self.annotate) * tokens
        return (_READ if rule == "init" else _TRAINED) * weights_read(self.annotate) * tokens

    def waiting(self, rule: str, wildcards: Mapping[str, str]) -> float:
        """Seconds of generation, step by step."""
        if rule in ("init", "sft"):
            return 0
        return _STEPS_PER_BASE * _STEP_SECONDS * self._bases(rule, wildcards) / _WINDOWS

    def weights_bytes(self) -> float:
        return 4 * parameters_of(self.annotate)

    def memory_mb(self, rule: str) -> float:
        """Of the model and of what is kept of the tokens that are read at once."""
        shape = shape_of(self.annotate)
        bytes_each = _BYTES_TRAINED if rule in ("sft", "grpo") else _BYTES_READ
        longest = max(longest_window(self.annotate, s) for s in self.annotate["species"])
        tokens = longest / _BASES_PER_TOKEN
        if rule == "sft":
            tokens = max(tokens, self.annotate["sft"]["tokens_per_batch"])
        layers = shape["layers"] + shape["decoder_layers"]
        kept = 4 * _KEPT * layers * shape["width"] * tokens if rule in ("sft", "grpo") else 0
        # Of each base the convolution keeps a state.
        bases = 4 * 6 * shape["width"] * tokens * _BASES_PER_TOKEN
        return 1e-6 * (bytes_each * parameters_of(self.annotate) + kept + bases)

    def _bases(self, rule: str, wildcards: Mapping[str, str]) -> float:
        """Bases that are read, again and again in training."""
        species = self.annotate["species"]
        if rule == "init":
            return 0
        if rule == "predict_genet5":
            sample = wildcards["sample"]
            window, overlap = tile_of(self.annotate, sample)
            bases = self.settings.samples[sample].bases
            return bases / len(parts_of(self.annotate, bases)) * window / (window - overlap)
        longest = max(longest_window(self.annotate, sample) for sample in species)
        chosen = self.annotate[rule]
        if rule == "grpo":
            return chosen["steps"] * chosen["prompts"] * chosen["group"] * longest
        if chosen["steps"]:
            return chosen["steps"] * chosen["batch"] * longest
        size, step = self.annotate["windows"]["sliding"] or (1, 1)
        bases = sum(self.settings.samples[sample].bases for sample in species)
        return chosen["epochs"] * bases * size / step
