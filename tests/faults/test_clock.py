"""Results that were made while a clock was wrong."""

import os
import time

# Snakemake knows small inputs by their checksums; results of real genomes are larger.
LARGE = ("--max-checksum-file-size", "0")
FUSED = "results/fused/both/w300/query/0001-of-0001.safetensors"
MATRIX = "results/embeddings/demo_esm2/w300/query/0001-of-0001.safetensors"


def set_clock(paths, hours):
    then = time.time() + 3600 * hours
    for path in paths:
        os.utime(path, (then, then))


def test_files_made_while_a_clock_was_ahead_can_be_read(copy, finished):
    """Snakemake refuses results that are older than a model or a matrix."""
    (copy.folder / MATRIX).unlink()
    ahead = ("models/*/*/*", "results/embeddings/*/w300/query/*")
    set_clock((path for pattern in ahead for path in copy.folder.glob(pattern)), hours=24)
    assert "were made while a clock was ahead" in copy.run(FUSED, *LARGE)
    assert copy.planned(FUSED, *LARGE) == {}
    assert copy.results() == finished.results()


def test_a_result_made_while_a_clock_was_behind_is_made_once_more(copy, finished):
    set_clock([copy.folder / FUSED], hours=-24)
    assert copy.planned(FUSED, *LARGE) == {"fuse": 1}
    copy.run(FUSED, *LARGE)
    assert copy.planned(FUSED, *LARGE) == {}
    assert copy.results() == finished.results()
