"""How much a run will read and write, from the sheet and the config alone.

Resources of rules are computed from these: files come and go while a run goes on, so a plan made
beside it must not look at them.
"""

import math
from collections.abc import Sequence

from seqloom.config.settings import WHOLE, Settings

# Of 64 codons 3 are stops: how often a random codon is none.
_NO_STOP = 61 / 64


def frames(settings: Settings, cut: str, sample: str) -> int:
    """About how many frames a sample has under a cut, or proteins."""
    row = settings.samples[sample]
    if cut == WHOLE:
        # Proteins have 300 residues or so.
        return math.ceil(row.bases / 300)
    window = settings["cuts"][cut]["window"]
    found = math.ceil(row.bases / window * _frames_per_window(settings["cuts"][cut]))
    return min(found, row.max_frames or found)


def _frames_per_window(cut: dict) -> float:
    """One reading is a gene's; each of the six may have no stop by chance."""
    if cut["frames"] == "longest_orf":
        return 1
    by_chance = 6 * _NO_STOP ** (cut["window"] / 3)
    return min(1 + by_chance, cut["max_per_window"] or 6)


def shard_frames(settings: Settings, cut: str, sample: str) -> int:
    """About how many frames each shard of a sample holds."""
    return math.ceil(frames(settings, cut, sample) / len(settings.shards(cut, sample)))


def matrix_mb(settings: Settings, backends: Sequence[str], rows: int) -> float:
    """Size of the embeddings of these backends side by side."""
    columns = sum(settings.backends[backend].width for backend in backends)
    return rows * columns * (2 if settings["embed"]["store"] == "float16" else 4) / 1e6


def sequence_mb(settings: Settings, cut: str, rows: int) -> float:
    """Size of the nucleotides of frames, with their ids and their rows in the table."""
    return rows * (settings["cuts"][cut]["window"] + 200) / 1e6


def genome_mb(settings: Settings, samples: Sequence[str]) -> float:
    """Letters of the samples, in millions."""
    return sum(settings.samples[sample].bases for sample in samples) / 1e6
