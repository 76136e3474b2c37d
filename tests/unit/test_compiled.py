"""A compiled encoder is one graph for all lengths and gives what the encoder gives."""

import pytest
import torch
from models_data import TINY, published_esm, randomize
from torch._dynamo.exc import TorchDynamoException
from torch._dynamo.testing import CompileCounterWithBackend

from seqloom.demo.model_shapes import CONFIGS
from seqloom.encoders.architectures import build_encoder
from seqloom.encoders.compiled import Compiled
from seqloom.encoders.layers import Encoder, set_precision
from seqloom.models.random_weights import random_tensors

LEARNED = {"position_embedding_type": "absolute", "emb_layer_norm_before": True}
SHAPES = {
    "dnabert": ("dnabert", CONFIGS["dnabert"] | TINY),
    "esm": ("esm", CONFIGS["esm"] | TINY),
    "esm1b": ("esm", published_esm(16, 2, 2, **LEARNED)),
    "esmc": ("esmc", {"vocab_size": 64, "d_model": 16, "n_heads": 2, "n_layers": 2}),
}


def encoder_of(name: str) -> Encoder:
    architecture, config = SHAPES[name]
    encoder = build_encoder(architecture, config, "config.json")
    encoder.load_state_dict(random_tensors(encoder, 1), assign=True)
    torch.manual_seed(0)
    randomize(encoder)
    set_precision(encoder, torch.float32)
    return encoder


def batch(count: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = torch.arange(length, length - count, -1)
    ids = torch.randint(4, 24, (count, length), generator=torch.Generator().manual_seed(length))
    return ids, torch.arange(length) < lengths[:, None]


@torch.inference_mode()
@pytest.mark.parametrize("name", SHAPES)
def test_a_whole_encoder_compiles_once_for_all_lengths_and_equals_itself(name):
    encoder, counter = encoder_of(name), CompileCounterWithBackend("inductor")
    compiled = Compiled(encoder, counter)
    compilations = []
    for count, length in ((3, 9), (5, 16), (4, 77), (2, 130)):
        ids, mask = batch(count, length)
        for padding in (None, mask):
            expected = encoder(ids, padding)
            torch.testing.assert_close(compiled(ids, padding), expected, rtol=0, atol=1e-5)
        compilations.append(counter.frame_count)
    assert compilations == compilations[:1] * 4


def test_where_the_compiler_fails_the_encoder_runs_as_it_is_and_says_so(monkeypatch, caplog):
    def broken(*_, **__):
        def run(*_):
            raise TorchDynamoException("no compiler\nand more")

        return run

    monkeypatch.setattr(torch, "compile", broken)
    encoder = encoder_of("esm")
    compiled, (ids, _) = Compiled(encoder), batch(2, 9)
    for _ in range(2):
        assert torch.equal(compiled(ids), encoder(ids))
    [record] = caplog.records
    assert "since torch.compile fails here (no compiler)" in record.message
