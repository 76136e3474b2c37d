"""The work of jobs in plain numbers, from the settings alone: frames, tokens, operations, seconds.

Measured are the rates of scripts on one core; what GPUs do is arithmetic (resources/devices.yaml).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqloom.config.schemas import read_yaml
from seqloom.config.settings import WHOLE, Settings

DEVICES = Path(__file__).parents[4] / "resources" / "devices.yaml"
# How a range is written in devices.yaml.
CASES = ("slow", "expected", "fast")
EXPECTED = CASES.index("expected")

# The probability that a random codon is no stop: 3 of 64 are.
_NO_STOP = 61 / 64
_RESIDUES = 300  # of a typical protein
# Measured (RESULTS.md, "Embedding on a CPU"): 300 bases are 66.2 tokens of DNABERT-S, 2 special.
_BASES_PER_TOKEN = 300 / 64.2
_SPECIAL_TOKENS = 2
# Measured (RESULTS.md, "Preparation", 46.4 Mb): seconds to start, and megabases a second.
_RATES = {"index": (0.25, 148), "plan": (0.3, 121), "frames": (0.35, 78)}


@dataclass(frozen=True)
class Device:
    """A GPU, or one core of a CPU; the keys are explained in devices.yaml."""

    name: str
    memory_gb: float | None
    peak: Mapping[str, float]
    share: Sequence[float]
    start: Sequence[float]

    def seconds(self, operations: float, dtype: str, case: int = EXPECTED, cores: int = 1) -> float:
        """How long a job with these operations takes; the cores are those of a CPU."""
        speed = 1e12 * self.peak[dtype] * self.share[case] * cores
        return self.start[case] + operations / speed


def read_devices(path: Path = DEVICES) -> dict[str, Device]:
    return {name: Device(name, **entry) for name, entry in read_yaml(path).items()}


class Work:
    """The work of a run; arguments of the methods are wildcards."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def frames(self, cut: str, sample: str) -> int:
        """The approximate number of frames of a sample under a cut, or of its proteins."""
        row = self.settings.samples[sample]
        if cut == WHOLE:
            return math.ceil(row.bases / _RESIDUES)
        settings = self.settings["cuts"][cut]
        found = math.ceil(row.bases / settings["window"] * _frames_per_window(settings))
        return min(found, row.max_frames or found)

    def frames_per_shard(self, cut: str, sample: str) -> int:
        return math.ceil(self.frames(cut, sample) / len(self.settings.shards(cut, sample)))

    def tokens_per_frame(self, backend: str, cut: str) -> float:
        """Of a whole frame; one that ends early, as by `longest_orf`, has fewer."""
        if cut == WHOLE:
            return _RESIDUES + _SPECIAL_TOKENS
        is_dna = self.settings.backends[backend].molecule == "dna"
        bases = self.settings["cuts"][cut]["window"]
        return bases / (_BASES_PER_TOKEN if is_dna else 3) + _SPECIAL_TOKENS

    def tokens(self, backend: str, cut: str, sample: str) -> float:
        """Tokens of one shard."""
        return self.frames_per_shard(cut, sample) * self.tokens_per_frame(backend, cut)

    def operations(self, backend: str, cut: str, sample: str) -> float:
        """Operations to embed one shard: two per weight and token, and those of attention.

        A layer has about 12 * width^2 weights and attends with 4 * width operations per pair of
        tokens, so attention adds length / (6 * width).
        """
        model = self.settings.backends[backend]
        attention = self.tokens_per_frame(backend, cut) / (6 * model.width)
        return 2e6 * model.parameters * self.tokens(backend, cut, sample) * (1 + attention)

    def dtype(self, backend: str, device: Device) -> str:
        """The precision of the matrix products on a device."""
        chosen = self.settings["embed"]["dtype"]
        if chosen != "auto":
            return chosen
        return "float32" if device.name == "cpu" else self.settings.backends[backend].dtype

    def seconds_to_embed(
        self,
        backend: str,
        cut: str,
        sample: str,
        device: Device,
        case: int = EXPECTED,
        cores: int = 1,
    ) -> float:
        """How long one shard takes."""
        operations = self.operations(backend, cut, sample)
        return device.seconds(operations, self.dtype(backend, device), case, cores)

    def seconds_to_index(self, sample: str) -> float:
        return self._seconds_to_read("index", self.settings.samples[sample].bases)

    def seconds_to_plan(self, sample: str) -> float:
        return self._seconds_to_read("plan", self.settings.samples[sample].bases)

    def seconds_to_cut(self, cut: str, sample: str) -> float:
        """How long the frames of one shard take."""
        shards = len(self.settings.shards(cut, sample))
        return self._seconds_to_read("frames", self.settings.samples[sample].bases / shards)

    def _seconds_to_read(self, rule: str, letters: float) -> float:
        start, rate = _RATES[rule]
        return start + letters / 1e6 / rate


def _frames_per_window(cut: dict) -> float:
    """One frame is that of a gene; each of the six may lack a stop by chance."""
    if cut["frames"] == "longest_orf":
        return 1
    by_chance = 6 * _NO_STOP ** (cut["window"] / 3)
    return min(1 + by_chance, cut["max_per_window"] or 6)
