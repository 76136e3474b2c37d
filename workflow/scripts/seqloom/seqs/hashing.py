"""Pseudorandom numbers that are the same on every machine."""

from hashlib import blake2b

import numpy as np


def mixed(numbers: np.ndarray, keys: np.ndarray | int = 0) -> np.ndarray:
    """A pseudorandom number for each number and key, different for each number (splitmix64)."""
    z = np.uint64(keys) + numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def text_key(text: str) -> int:
    """A pseudorandom number for a text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
