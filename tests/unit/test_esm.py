"""Our ESM-2 against the one of transformers."""

import pytest
import torch

from seqloom.encoders.architectures import build_encoder
from seqloom.encoders.pooling import mean_residues
from seqloom.encoders.weights import encoder_tensors
from seqloom.errors import InputError

transformers = pytest.importorskip("transformers")

CONFIG = {
    "vocab_size": 33,
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "layer_norm_eps": 1e-5,
    "token_dropout": True,
    "position_embedding_type": "rotary",
    "emb_layer_norm_before": False,
}
PAD = 1
LENGTHS = (9, 3, 30, 17)


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(0)
    config = transformers.EsmConfig(
        **CONFIG,
        pad_token_id=PAD,
        mask_token_id=32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = transformers.EsmModel(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    # As in the float16 checkpoints: rounded frequencies, which the weights were trained with.
    model.rotary_embeddings.inv_freq.copy_(model.rotary_embeddings.inv_freq.half())
    return model


def published(theirs) -> dict[str, torch.Tensor]:
    """The names of the checkpoints on the hub: prefix, frequencies in each layer, idle extras."""
    tensors = {f"esm.{name}": tensor for name, tensor in theirs.state_dict().items()}
    frequencies = tensors.pop("esm.rotary_embeddings.inv_freq")
    for i in range(CONFIG["num_hidden_layers"]):
        at = f"esm.encoder.layer.{i}.attention.self.rotary_embeddings.inv_freq"
        tensors[at] = frequencies.half()
    idle = ("lm_head.bias", "esm.embeddings.position_embeddings.weight")
    return tensors | {name: torch.ones(1) for name in idle}


def ours(checkpoint, config=CONFIG):
    encoder = build_encoder("esm", config, "config.json")
    tensors = encoder_tensors(checkpoint, encoder, "test")
    encoder.load_state_dict(tensors, assign=True)
    return encoder.float()


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    ids = torch.full((len(LENGTHS), max(LENGTHS)), PAD)
    for row, length in zip(ids, LENGTHS, strict=True):
        row[:length] = torch.randint(4, 24, (length,), generator=generator)
        row[0], row[length - 1] = 0, 2
    return ids, ids != PAD


@torch.no_grad()
def test_parity_with_transformers(theirs):
    encoder = ours(published(theirs))
    ids, mask = batch()
    expected = theirs(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    torch.testing.assert_close(encoder(ids, mask)[mask], expected[mask], rtol=0, atol=2e-5)


@torch.no_grad()
def test_alone_equals_in_a_padded_batch_and_pooling_leaves_the_ends_out(theirs):
    encoder = ours(published(theirs))
    ids, mask = batch()
    states = encoder(ids, mask)
    for i, length in enumerate(LENGTHS):
        alone = encoder(ids[i : i + 1, :length])
        torch.testing.assert_close(states[i, :length], alone[0], rtol=0, atol=2e-5)
        residues = [alone[0, j] for j in range(1, length - 1)]
        expected = sum(residues) / len(residues)
        torch.testing.assert_close(mean_residues(alone)[0], expected, rtol=0, atol=1e-5)


@torch.no_grad()
def test_stored_frequencies_are_used_and_missing_ones_computed(theirs):
    checkpoint = published(theirs)
    ids, mask = batch()
    rounded = ours(checkpoint)(ids, mask)
    exact = ours({name: t for name, t in checkpoint.items() if "inv_freq" not in name})(ids, mask)
    assert not torch.equal(rounded[mask], exact[mask])
    torch.testing.assert_close(rounded[mask], exact[mask], rtol=0, atol=0.05)


def test_other_generations_of_esm_are_refused():
    with pytest.raises(InputError, match=r"config\.json: not an ESM-2 model"):
        build_encoder("esm", CONFIG | {"position_embedding_type": "absolute"}, "config.json")
