"""Results that were made while a clock was wrong."""

import os
import time

import pytest

# Snakemake knows small inputs by their checksums; results of real genomes are larger.
LARGE = ("--max-checksum-file-size", "0")
FUSED = "results/fused/both/w300/query/0001-of-0001.safetensors"


@pytest.mark.parametrize("hours", [24, -24])
def test_after_a_wrong_clock_at_most_one_job_is_repeated_once(copy, finished, hours):
    """The clock was ahead when the shard was embedded, or back when it was fused."""
    then = time.time() + 3600 * hours
    for path in copy.folder.glob("results/embeddings/*/w300/query/*") if hours > 0 else [FUSED]:
        os.utime(copy.folder / path, (then, then))
    assert copy.planned(FUSED, *LARGE) == {"fuse": 1}
    copy.run(FUSED, *LARGE)
    assert copy.planned(FUSED, *LARGE) == {}
    assert copy.results() == finished.results()
