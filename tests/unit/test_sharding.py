"""Shard names, one by one and all at once."""

import pytest

from seqloom.config.sharding import parse_shard, shard_files, shard_names, shard_patterns
from seqloom.errors import InputError


def test_a_pattern_stands_for_all_shards_of_a_sample_and_of_no_other_count():
    paths = [f"s/{sample}/{name}.parquet" for sample in "ba" for name in shard_names(12)]
    patterns = shard_patterns(paths)
    assert patterns == ["s/b/*-of-0012.parquet", "s/a/*-of-0012.parquet"]
    assert [file for pattern in patterns for file in shard_files(pattern)] == paths


def test_a_path_stands_for_itself():
    assert shard_files("s/0001-of-0002.faa") == ["s/0001-of-0002.faa"]


@pytest.mark.parametrize("name", ["0000-of-0002", "0003-of-0002", "x", "1of2"])
def test_a_shard_that_cannot_be_is_refused(name):
    with pytest.raises(InputError, match="does not exist"):
        parse_shard(name)
