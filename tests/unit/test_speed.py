"""The speed of a job in its log, and its share of what the device can do."""

import re
import time

import numpy as np
import pytest
from models_data import one_thread, write_tiny_model  # noqa: F401

from seqloom.embedding.engine import embed
from seqloom.embedding.loading import load_model
from seqloom.embedding.speed import flops_per_token, speed

# Weights of one layer: DNABERT-2 doubles the first product of the feed-forward for its gate.
WEIGHTS = {
    "dna": 768 * 3 * 768 + 768 * 768 + 768 * 2 * 16 + 16 * 768,
    "protein": 4 * 1280 * 1280 + 2 * 1280 * 16,
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for molecule in WEIGHTS:
        write_tiny_model(folder / molecule, molecule)
    return {
        (molecule, dtype): load_model(folder / molecule, dtype, 1)
        for molecule in WEIGHTS
        for dtype in ("float32", "float16")
    }


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("molecule", WEIGHTS)
def test_a_token_takes_two_operations_per_weight_of_the_linear_layers(models, molecule, dtype):
    """Whether oneDNN has laid out the weights, as in float32, or not, as in float16."""
    assert flops_per_token(models[molecule, dtype]) == 2 * WEIGHTS[molecule]


def test_a_long_job_tells_its_share_of_the_peak_and_a_short_one_does_not_measure_it(models):
    model = models["dna", "float32"]
    generator = np.random.default_rng(0)
    sequences = ["".join(generator.choice(list("ACGT"), 60)) for _ in range(400)]
    embed(model, sequences, sequences)
    begin = time.perf_counter()
    tokens = embed(model, sequences, sequences).tokens
    per_second = tokens / (time.perf_counter() - begin)
    line = speed(model, round(61 * per_second), 61)
    share = re.fullmatch(r"\d+ tokens/s, (\d+)% of the peak of matrix products", line)[1]
    assert 0 < int(share) < 120
    assert speed(model, 590, 59) == "10 tokens/s"
