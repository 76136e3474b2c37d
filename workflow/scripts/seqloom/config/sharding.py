"""Names of shards, `0003-of-0016`."""

import re
from functools import cache

from seqloom.errors import InputError

SHARDS_PER_SUBMISSION = 10


@cache  # every job of a shard asks for them
def shard_names(count: int) -> tuple[str, ...]:
    return tuple(f"{i:04}-of-{count:04}" for i in range(1, count + 1))


def parse_shard(name: str) -> tuple[int, int]:
    """Number and count of a shard: (3, 16) for `0003-of-0016`."""
    match = re.fullmatch(r"(\d+)-of-(\d+)", name)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise InputError(f'shard "{name}" does not exist; give one such as 0003-of-0016')
    return int(match[1]), int(match[2])


def submission(shard: str | None) -> int:
    """The submission of a shard's short jobs; 0 has also those of the sample as a whole."""
    return (parse_shard(shard)[0] - 1) // SHARDS_PER_SUBMISSION if shard else 0
