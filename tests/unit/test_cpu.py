"""On a CPU no bit of a vector depends on the other sequences or on the number of threads."""

import os
import subprocess
import sys

import pytest
import torch

from seqloom.demo.model_shapes import CONFIGS
from seqloom.encoders.architectures import build_encoder
from seqloom.encoders.cpu import use_onednn
from seqloom.encoders.layers import set_precision
from seqloom.models.random_weights import random_tensors

# Inner widths as published: they decide where threads divide the work.
ESMC = {"vocab_size": 64, "d_model": 960, "n_heads": 15, "n_layers": 1}
SHAPES = {
    "dnabert": CONFIGS["dnabert"] | {"num_hidden_layers": 1},
    "esm": CONFIGS["esm"] | {"num_hidden_layers": 1},
    "esmc": ESMC,
}
LENGTH = 37


def encoder_of(architecture: str, dtype: str) -> torch.nn.Module:
    encoder = build_encoder(architecture, SHAPES[architecture], "config.json")
    encoder.load_state_dict(random_tensors(encoder, 1), strict=False, assign=True)
    set_precision(encoder, getattr(torch, dtype))
    use_onednn(encoder)
    return encoder


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@torch.inference_mode()
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("architecture", SHAPES)
def test_threads_and_other_sequences_change_no_bit(architecture, dtype, threads):
    encoder = encoder_of(architecture, dtype)
    tokens = torch.randint(4, 24, (12, LENGTH), generator=torch.Generator().manual_seed(0))
    threads(1)
    expected = encoder(tokens)
    for count in (3, 4, 5, 7):
        threads(count)
        for some in (tokens, tokens[:1], tokens[:5]):
            assert torch.equal(encoder(some), expected[: len(some)])


ENCODE_LENGTHS = """
import torch
from models_data import published_esm
from seqloom.encoders.architectures import build_encoder
from seqloom.encoders.cpu import use_onednn
from seqloom.models.random_weights import random_tensors

torch.set_num_threads(1)
encoder = build_encoder("esm", published_esm(256, 2, 8), "config.json")
encoder.load_state_dict(random_tensors(encoder, 1), strict=False, assign=True)
use_onednn(encoder)
with torch.inference_mode():
    for length in range(700, 550, -1):  # the longest first, as the engine reads them
        encoder(torch.full((1, length), 5))
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[1])
        if length == 690:
            before = pages
print((pages - before) * 4096 / 1e6)
"""


def test_ever_new_lengths_take_little_memory():
    grown = subprocess.run(
        [sys.executable, "-c", ENCODE_LENGTHS],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert float(grown.stdout) < 100, grown.stdout
