"""A compiled encoder is one graph for all lengths and gives what the encoder gives."""

import pytest
import torch
from models_data import TINY, published_esm, randomize
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
    "t5": ("t5", CONFIGS["t5"] | {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_heads": 2}),
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
def test_a_whole_encoder_is_one_graph_for_all_lengths_and_equals_itself(name):
    """The graph is traced as for a GPU; code is generated for one of the encoders only."""
    backend = "inductor" if name == "dnabert" else "aot_eager"
    encoder, counter = encoder_of(name), CompileCounterWithBackend(backend)
    compiled = Compiled(encoder, counter)
    compilations = []
    for count, length in ((3, 9), (5, 16), (4, 77), (2, 130)):
        ids, mask = batch(count, length)
        for padding in (None, mask):
            expected = encoder(ids, padding)
            torch.testing.assert_close(compiled(ids, padding), expected, rtol=0, atol=1e-5)
        compilations.append(counter.frame_count)
    assert compilations == compilations[:1] * 4


class Untraceable(Encoder):
    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        return ids * ids.sum().item() if ids.sum() > 0 else ids


def test_an_encoder_that_cannot_be_compiled_runs_as_it_is_and_the_log_says_so(caplog):
    compiled, (ids, _) = Compiled(Untraceable()), batch(2, 9)
    for _ in range(2):
        assert torch.equal(compiled(ids), ids * ids.sum())
    [record] = [record for record in caplog.records if record.name.startswith("seqloom")]
    assert "the encoder runs as it is, since torch.compile fails here (" in record.message
