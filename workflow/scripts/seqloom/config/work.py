"""The work of jobs in plain numbers, from the settings alone: frames, tokens, operations, seconds.

Measured are the rates of scripts on one core; what GPUs do is arithmetic (resources/devices.yaml).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from seqloom.config.cut import WHOLE
from seqloom.config.gene_model import parts_of
from seqloom.config.gene_work import GeneWork
from seqloom.config.rates import GENET5, RATES
from seqloom.config.schemas import read_yaml
from seqloom.config.settings import Settings

DEVICES = Path(__file__).parents[4] / "resources" / "devices.yaml"
# How a range is written in devices.yaml.
CASES = ("slow", "expected", "fast")
EXPECTED = CASES.index("expected")
CPU = "cpu"
Wildcards = Mapping[str, str]

# The probability that a random codon is no stop: 3 of 64 are.
_NO_STOP = 61 / 64
_RESIDUES = 300  # of a typical protein
# Measured (RESULTS.md, "Embedding on a CPU"): 300 bases are 66.2 tokens of DNABERT-S, 2 special.
_BASES_PER_TOKEN = 300 / 64.2
_SPECIAL_TOKENS = 2
# Weights times frames of a training that one core does in a second (benchmarks/train.py).
TRAINED_PER_SECOND = 4e9
# Arithmetic: a step on a GPU is the start of some forty kernels, whatever the batch.
_STEP_SECONDS = 0.001
_BYTES_PER_WEIGHT = 4  # as most are published
_BATCH_GB = 6


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
        speed = 1e12 * self.peak[dtype] * self.share[case] * (cores if self.name == CPU else 1)
        return self.start[case] + operations / speed

    def slowness(self, case: int) -> float:
        """How much longer than expected its work takes."""
        return self.share[EXPECTED] / self.share[case]


def read_devices(path: Path = DEVICES) -> dict[str, Device]:
    return {name: Device(name, **entry) for name, entry in read_yaml(path).items()}


class Work:
    """The work of a run; arguments of the methods are wildcards."""

    def __init__(
        self, settings: Settings, known_frames: Mapping[tuple[str, str], int] | None = None
    ) -> None:
        """`known_frames` are counts by cut and sample, where these have been planned."""
        self.settings, self.known_frames = settings, known_frames or {}

    def frames(self, cut: str, sample: str) -> int:
        """The approximate number of frames of a sample under a cut, or of its proteins."""
        if (cut, sample) in self.known_frames:
            return self.known_frames[cut, sample]
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
        chosen = self.settings.dtype(backend)
        if chosen != "auto":
            return chosen
        return "float32" if device.name == CPU else self.settings.backends[backend].dtype

    def gpu_memory_gb(self, backend: str) -> float:
        """Weights as they are computed with, and a guess of what a batch takes beside them."""
        dtype = self.settings.dtype(backend)
        model = self.settings.backends[backend]
        is_wide = (model.dtype if dtype == "auto" else dtype) == "float32"
        return 1.2e-3 * (4 if is_wide else 2) * model.parameters + _BATCH_GB

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

    def seconds_to_train(
        self, experiment: str, device: Device, case: int = EXPECTED, cores: int = 1
    ) -> float:
        """How long a classifier takes. After how many epochs it stops is a guess."""
        chosen = self.settings["experiments"][experiment]
        recipe, most = chosen["train"], chosen["train"]["max_epochs"]
        epochs = (most, most / 2, min(most, 2 * recipe["patience"]))[case]
        epochs *= recipe["seeds"]
        frames = epochs * sum(self.frames(chosen["cut"], s) for s in self.settings.labeled())
        weights = recipe["hidden"] * self._columns(chosen["fusion"])
        seconds = frames / recipe["batch_size"] * _STEP_SECONDS
        if device.name == CPU:
            seconds = frames * weights / TRAINED_PER_SECOND / cores * device.slowness(case)
        return device.start[case] + seconds

    def seconds_of_genet5(
        self, rule: str, wildcards: Wildcards, device: Device, case: int = EXPECTED, cores: int = 1
    ) -> float:
        """How long the model of gene annotation takes to be made, trained or read with."""
        work, dtype = GeneWork(self.settings), self.settings["annotate"]["sft"]["dtype"]
        if dtype == "auto":
            dtype = "float32" if device.name == CPU else "bfloat16"
        computing = device.seconds(work.operations(rule, wildcards), dtype, case, cores)
        return computing + device.slowness(case) * work.waiting(rule, wildcards)

    def seconds(
        self, rule: str, wildcards: Wildcards, device: Device, case: int = EXPECTED, cores: int = 1
    ) -> float:
        """How long a job takes on a device."""
        if rule.startswith("embed"):
            matrix = (wildcards["backend"], wildcards.get("cut", WHOLE), wildcards["sample"])
            return self.seconds_to_embed(*matrix, device, case, cores)
        if rule in GENET5:
            return self.seconds_of_genet5(rule, wildcards, device, case, cores)
        if rule.startswith("train"):
            return self.seconds_to_train(wildcards["experiment"], device, case, cores)
        rate, amount = RATES[rule], self._amount(rule, wildcards)
        return device.slowness(case) * (
            rate.start
            + rate.megabase * amount.letters / 1e6
            + rate.kiloframe * amount.frames / 1e3
            + rate.gigabyte * amount.matrix / 1e9
        )

    def bytes_written(self, rule: str, wildcards: Wildcards) -> float:
        """The size of what a job leaves behind."""
        rate, amount = RATES[rule], self._amount(rule, wildcards)
        return (
            rate.bytes
            + rate.bytes_per_letter * amount.letters
            + rate.bytes_per_frame * amount.frames
            + rate.copies * amount.matrix
        )

    def _amount(self, rule: str, wildcards: Wildcards) -> "_Amount":
        """What a job reads: a sample or a shard of it, the labeled samples, or all samples."""
        if rule == "fetch_model":
            weights = 1e6 * self.settings.backends[wildcards["backend"]].parameters
            return _Amount(0, 0, _BYTES_PER_WEIGHT * weights)
        if rule in GENET5 and "sample" not in wildcards:
            return _Amount(0, 0, GeneWork(self.settings).weights_bytes())
        chosen = self.settings.applied.get(wildcards.get("experiment"), {})
        cut = wildcards.get("cut", chosen.get("cut", WHOLE))
        samples = self.settings.labeled() if chosen else self.settings.samples
        parts = 1
        if "sample" in wildcards:
            samples = [wildcards["sample"]]
        if rule == "predict_genet5":
            bases = self.settings.samples[wildcards["sample"]].bases
            parts = len(parts_of(self.settings["annotate"], bases))
        elif "shard" in wildcards:
            parts = len(self.settings.shards(cut, wildcards["sample"]))
        letters = sum(self.settings.samples[sample].bases for sample in samples) / parts
        frames = sum(self.frames(cut, sample) for sample in samples) / parts
        name = wildcards.get("fusion", wildcards.get("backend", chosen.get("fusion")))
        rows = letters if rule.endswith("residues") else frames
        columns = self._columns(name) if name else 0
        return _Amount(letters, frames, rows * columns * self.settings.value_bytes)

    def _columns(self, name: str) -> int:
        """Of the matrix of a backend or a fusion."""
        return sum(self.settings.backends[b].width for b in self.settings.backends_of(name))


class _Amount(NamedTuple):
    """Letters and frames that a job reads, and the bytes of its matrix (or of the weights)."""

    letters: float
    frames: float
    matrix: float


def _frames_per_window(cut: dict) -> float:
    """One frame is that of a gene; each of the six may lack a stop by chance."""
    if cut["frames"] == "longest_orf":
        return 1
    by_chance = 6 * _NO_STOP ** (cut["window"] / 3)
    return min(1 + by_chance, cut["max_per_window"] or 6)
