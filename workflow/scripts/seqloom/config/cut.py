"""A cut: an entry of `cuts` in the configuration."""

from dataclasses import dataclass

WHOLE = "whole"  # the cut of protein samples


@dataclass(frozen=True)
class Cut:
    """A way to turn contigs into frames; config/README.md says what each setting means."""

    window: int = 300
    scheme: str = "even"
    frames: str = "open"
    min_codons: int = 30
    max_ambiguous: float = 0.1
    max_per_window: int | None = None
    training: str = "all"
