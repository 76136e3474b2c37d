"""Names of shards."""

import pytest

from seqloom.config.sharding import parse_shard, shard_names
from seqloom.errors import InputError


def test_shard_names_are_parsed_back():
    assert shard_names(2) == ("0001-of-0002", "0002-of-0002")
    assert [parse_shard(name) for name in shard_names(10_001)][-1] == (10_001, 10_001)


@pytest.mark.parametrize("name", ["0000-of-0002", "0003-of-0002", "1", "a-of-b"])
def test_a_shard_that_does_not_exist_is_refused(name):
    with pytest.raises(InputError, match="does not exist; give one such as"):
        parse_shard(name)
