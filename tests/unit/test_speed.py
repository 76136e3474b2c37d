"""The speed of a job in its log, and its share of what the device can do."""

from types import SimpleNamespace

import pytest
import torch
from models_data import one_thread, write_tiny_model  # noqa: F401
from torch.utils import benchmark

from seqloom.embedding import speed as speed_of_jobs
from seqloom.embedding.loading import load_model
from seqloom.embedding.speed import flops_per_token, peak_flops, speed

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


def test_a_long_job_tells_its_share_of_the_peak(models, monkeypatch):
    model = models["dna", "float32"]
    peak = 40 * 2 * WEIGHTS["dna"]  # what 40 tokens a second would need
    monkeypatch.setattr(speed_of_jobs, "peak_flops", lambda dtype, device: peak)
    assert speed(model, 600, 60) == "10 tokens/s, 25% of the peak of matrix products"


def test_a_short_job_does_not_measure_the_peak(models, monkeypatch):
    monkeypatch.setattr(speed_of_jobs, "peak_flops", None)
    assert speed(models["dna", "float32"], 590, 59) == "10 tokens/s"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_peak_is_the_operations_of_a_product_by_its_fastest_time(dtype, monkeypatch):
    class TwoTimes:
        """In place of the timer: runs the work once, and says that it took 4 s and 2 s."""

        def __init__(self, text, globals, num_threads):
            assert eval(text, globals).shape == globals["x"].shape == (1024, 2048)

        def blocked_autorange(self, min_run_time):
            return SimpleNamespace(times=[4.0, 2.0])

    monkeypatch.setattr(benchmark, "Timer", TwoTimes)
    assert peak_flops(dtype, torch.device("cpu")) == 1024 * 2048 * 2048
