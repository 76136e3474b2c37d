"""Names of shards, `0003-of-0016`, and of all shards at once, `*-of-0016`."""

import re
from collections.abc import Iterable

from seqloom.errors import InputError


def shard_names(count: int) -> list[str]:
    return [f"{i:04}-of-{count:04}" for i in range(1, count + 1)]


def parse_shard(name: str) -> tuple[int, int]:
    """`0003-of-0016` as (3, 16)."""
    match = re.fullmatch(r"(\d+)-of-(\d+)", name)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise InputError(f'shard "{name}" does not exist; give one like 0003-of-0016')
    return int(match[1]), int(match[2])


def shard_patterns(paths: Iterable[str]) -> list[str]:
    """Paths with their shard numbers as `*`, once each: a command has room for 128 KiB."""
    return list(dict.fromkeys(re.sub(r"\d{4,}(?=-of-\d{4})", "*", path) for path in paths))


def shard_files(pattern: str) -> list[str]:
    """The paths that a pattern stands for, whether they exist or not; a path stands for itself."""
    count = re.search(r"\*-of-(\d{4,})", pattern)
    if not count:
        return [pattern]
    return [pattern.replace(count[0], name) for name in shard_names(int(count[1]))]
