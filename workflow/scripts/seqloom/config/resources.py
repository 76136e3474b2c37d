"""Memory (MB) and time (minutes) of jobs, estimated from the sheet and the config alone.

Result files appear and vanish during a run, so a plan must not depend on their sizes.
"""

import math
from collections.abc import Sequence

from seqloom.config.paths import RESIDUES
from seqloom.config.settings import WHOLE, Settings

# The probability that a random codon is no stop: 3 of 64 are.
_NO_STOP = 61 / 64
_RESIDUES = 300  # of a typical protein
# Weights times frames of a training that one core does in a second (benchmarks/training.py).
_TRAINED_PER_SECOND = 4e9


class Needs:
    """What the jobs of a run need; arguments of the methods are wildcards."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def memory_to_read_annotation(self, sample: str) -> float:
        return 2000 + 5 * self._megabases(sample)

    def memory_to_plan(self, sample: str) -> float:
        return 1000 + self._megabases(sample) / 3

    def memory_to_embed(self, backend: str, cut: str, sample: str) -> float:
        """Weights are read, converted and laid out: three copies in float32."""
        weights = 12 * self.settings.backends[backend].parameters
        return 2000 + weights + 3 * self.shard_mb([backend], cut, sample)

    def memory_to_embed_residues(self, backend: str, sample: str) -> float:
        return self.memory_to_embed(backend, WHOLE, sample) + 3 * self.residues_mb(backend, sample)

    def memory_to_export_residues(self, backend: str, sample: str) -> float:
        return 1000 + 2 * self.residues_mb(backend, sample)

    def memory_to_fuse(self, fusion: str, cut: str, sample: str) -> float:
        return 1000 + 3 * self.shard_mb(self.settings["fusions"][fusion], cut, sample)

    def memory_to_split(self) -> float:
        return 2000 + sum(map(self._megabases, self.settings.labeled()))

    def memory_to_train(self, experiment: str) -> float:
        return 4000 + 1.3 * self._training_mb(experiment)

    def gpu_pays(self, experiment: str) -> bool:
        """Whether one core might train for more than an hour."""
        chosen = self.settings["experiments"][experiment]
        backends, recipe = self.settings["fusions"][chosen["fusion"]], chosen["train"]
        columns = sum(self.settings.backends[backend].width for backend in backends)
        rows = self._frames(chosen["cut"], self.settings.labeled()) * recipe["max_epochs"]
        return rows * columns * recipe["hidden"] > 3600 * _TRAINED_PER_SECOND

    def memory_to_evaluate(self, experiment: str) -> float:
        return 3000 + 0.5 * self._training_mb(experiment)

    def memory_to_fit_baseline(self, experiment: str) -> float:
        """Memory for the nucleotides of all frames, their ids and table rows."""
        cut = self.settings["experiments"][experiment]["cut"]
        bytes_per_frame = self.settings["cuts"][cut]["window"] + 200
        return 3000 + 8e-6 * bytes_per_frame * self._frames(cut, self.settings.labeled())

    def memory_to_predict(self, experiment: str, sample: str) -> float:
        chosen = self.settings["experiments"][experiment]
        backends, cut = self.settings["fusions"][chosen["fusion"]], chosen["cut"]
        whole = self._matrix_mb(backends, self.frames(cut, sample))
        return 3000 + 3 * self.shard_mb(backends, cut, sample) + 0.1 * whole

    def memory_to_export(self, backend: str, cut: str, sample: str) -> float:
        return 1000 + 3 * self.shard_mb(self.settings.backends_of(backend), cut, sample)

    def memory_to_export_pt(self, backend: str, sample: str) -> float:
        backends = self.settings.backends_of(backend)
        whole = self._matrix_mb(backends, self.frames(WHOLE, sample))
        return 2000 + 1.3 * whole + 2 * self.shard_mb(backends, WHOLE, sample)

    def memory_to_export_legacy(self, fusion: str, cut: str, sample: str) -> float:
        backends = self.settings["fusions"][fusion]
        return 2000 + 40 * self._matrix_mb(backends, self.frames(cut, sample))

    def memory_to_validate(self, sample: str) -> float:
        backends = self.settings.protein_backends()
        most = max(self.memory_to_embed(backend, WHOLE, sample) for backend in backends)
        return 1000 + most + 5 * self._megabases(sample)

    def minutes_to_index(self, sample: str) -> float:
        return 10 + self._megabases(sample) / 300

    def minutes_to_read_annotation(self, sample: str) -> float:
        return 10 + self._megabases(sample) / 10

    def minutes_to_plan(self, sample: str) -> float:
        return 10 + self._megabases(sample) / 60

    def frames(self, cut: str, sample: str) -> int:
        """The approximate number of frames of a sample under a cut, or of its proteins."""
        row = self.settings.samples[sample]
        if cut == WHOLE:
            return math.ceil(row.bases / _RESIDUES)
        settings = self.settings["cuts"][cut]
        found = math.ceil(row.bases / settings["window"] * _frames_per_window(settings))
        return min(found, row.max_frames or found)

    def shard_mb(self, backends: Sequence[str], cut: str, sample: str) -> float:
        """Size of the fused matrix of one shard."""
        rows = self.frames(cut, sample) / len(self.settings.shards(cut, sample))
        return self._matrix_mb(backends, math.ceil(rows))

    def residues_mb(self, backend: str, sample: str) -> float:
        """Size of the residues of one shard."""
        return self._matrix_mb([backend], math.ceil(self.settings.residues_per_shard(sample)))

    def disk_for_residues(self) -> list[str]:
        """A sentence for each backend whose residues are stored."""
        proteins = self.settings.of_molecule("protein")
        residues = sum(self.settings.samples[sample].bases for sample in proteins)
        return [
            f"The residues of {backend} take about {self._matrix_mb([backend], residues) / 1e3:.1f}"
            f" GB in {RESIDUES.partition('{')[0]}{backend}."
            for backend in self.settings["residue_backends"]
        ]

    def _matrix_mb(self, backends: Sequence[str], rows: int) -> float:
        columns = sum(self.settings.backends[backend].width for backend in backends)
        return rows * columns * self.settings.value_bytes / 1e6

    def _training_mb(self, experiment: str) -> float:
        """Size of all fused matrices of labeled samples."""
        chosen = self.settings["experiments"][experiment]
        rows = self._frames(chosen["cut"], self.settings.labeled())
        return self._matrix_mb(self.settings["fusions"][chosen["fusion"]], rows)

    def _frames(self, cut: str, samples: Sequence[str]) -> int:
        return sum(self.frames(cut, sample) for sample in samples)

    def _megabases(self, sample: str) -> float:
        return self.settings.samples[sample].bases / 1e6


def _frames_per_window(cut: dict) -> float:
    """One frame is that of a gene; each of the six may lack a stop by chance."""
    if cut["frames"] == "longest_orf":
        return 1
    by_chance = 6 * _NO_STOP ** (cut["window"] / 3)
    return min(1 + by_chance, cut["max_per_window"] or 6)
