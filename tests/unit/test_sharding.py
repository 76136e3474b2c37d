"""Names of shards."""

import pytest

from seqloom.config.sharding import SHARDS_PER_SUBMISSION, parse_shard, shard_names, submission
from seqloom.errors import InputError


def test_shard_names_are_parsed_back():
    assert shard_names(2) == ("0001-of-0002", "0002-of-0002")
    assert [parse_shard(name) for name in shard_names(10_001)][-1] == (10_001, 10_001)


@pytest.mark.parametrize("name", ["0000-of-0002", "0003-of-0002", "1", "a-of-b"])
def test_a_shard_that_does_not_exist_is_refused(name):
    with pytest.raises(InputError, match="does not exist; give one such as"):
        parse_shard(name)


def test_a_submission_has_a_bounded_number_of_shards_and_the_first_has_the_sample():
    numbers = [submission(name) for name in shard_names(25)]
    assert [numbers.count(n) for n in range(3)] == [SHARDS_PER_SUBMISSION] * 2 + [5]
    assert submission(None) == numbers[0]
