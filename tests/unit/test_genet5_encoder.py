"""The encoder of GeneT5 is DNABERT, in pieces and with blocks too."""

import re

import numpy as np
import pytest
import torch
from dnabert_reference import random_checkpoint, reference
from genet5_data import dna_tokenizer, example, letters, mixed_examples, model
from models_data import one_thread  # noqa: F401

from seqloom.encoders.attention import by_pytorch
from seqloom.encoders.dnabert import Dnabert, alibi_slopes
from seqloom.errors import InputError
from seqloom.genet5.attending import in_pieces, sparse
from seqloom.genet5.batches import window_batch
from seqloom.genet5.initial import initial_model
from seqloom.genet5.shape import Shape

CLOSE = {"rtol": 0, "atol": 1e-5}


def source_and_model(width=48, layers=2, heads=12, inner=20):
    """Random weights of DNABERT, and a model that begins with them."""
    tokens = dna_tokenizer().get_vocab_size()
    shape = Shape(tokens, ("CDS",), width, layers, layers, heads, inner)
    source = random_checkpoint(shape.dnabert() | {"vocab_size": tokens}, deviation=0.1, norm=1)
    return shape, source, initial_model(shape, 0, source, "dnabert_s")[0].eval()


@torch.no_grad()
def test_a_new_model_reads_windows_as_the_reference_does_padded_and_alone():
    shape, source, network = source_and_model()
    examples = mixed_examples()
    together = network.encode(window_batch(examples)).tokens
    for row, one in zip(together, examples, strict=True):
        expected = reference(source, one.tokens.tolist(), shape.dnabert())
        alone = network.encode(window_batch([one])).tokens[0]
        np.testing.assert_allclose(row[: len(expected)], expected, rtol=0, atol=1e-5)
        np.testing.assert_allclose(alone, expected, rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_new_model_has_the_function_of_our_dnabert_exactly():
    shape, source, network = source_and_model()
    dnabert = Dnabert(shape.dnabert() | {"vocab_size": shape.dna_tokens})
    dnabert.load_state_dict(source)
    windows = window_batch(mixed_examples())
    expected = dnabert.float()(windows.ids, windows.token_mask)
    assert torch.equal(network.encode(windows).tokens, expected)


@torch.no_grad()
def test_what_windows_add_shows_once_its_gates_are_open():
    _, _, network = source_and_model()
    windows = window_batch(mixed_examples())
    before = network.encode(windows).tokens
    for gate in network.additions.parameters():
        gate.fill_(1)
        after = network.encode(windows).tokens
        assert not torch.allclose(before[windows.token_mask], after[windows.token_mask], atol=1e-3)
        gate.zero_()


def attention_inputs(length, heads=4, size=8):
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(2, heads, length, size, generator=generator) for _ in range(3)]
    mask = torch.ones(2, length, dtype=torch.bool)
    mask[1, length - length // 3 :] = False
    return [x.requires_grad_() for x in inputs], torch.tensor(alibi_slopes(heads)), mask


def outcome(attend, inputs, mask):
    mixed = attend(*inputs).masked_fill(~mask[:, None, :, None], 0)
    return [mixed, *torch.autograd.grad(mixed.square().sum(), inputs)]


def test_attention_in_pieces_equals_that_with_a_dense_bias_and_so_do_its_gradients():
    inputs, slopes, mask = attention_inputs(67)
    expected = outcome(by_pytorch(slopes, 67, torch.float32, mask), inputs, mask)
    for rows in (10, 66, 67, None):
        for found, wanted in zip(
            outcome(in_pieces(slopes, mask, rows), inputs, mask), expected, strict=True
        ):
            torch.testing.assert_close(found, wanted, **CLOSE)
        with torch.no_grad():
            alone = in_pieces(slopes, mask, rows)(*inputs).masked_fill(~mask[:, None, :, None], 0)
        torch.testing.assert_close(alone, expected[0], **CLOSE)


def shown_by_blocks(length, block):
    """[N, N] what each token sees, from the description of sparse attention."""
    of = [place // block for place in range(length)]
    return torch.tensor(
        [[abs(of[a] - of[b]) <= 1 or of[b] == 0 for b in range(length)] for a in range(length)]
    )


@pytest.mark.parametrize("length", [16, 40, 64, 150])
def test_sparse_attention_equals_dense_attention_with_its_mask(length):
    inputs, slopes, mask = attention_inputs(length)
    place = torch.arange(length)
    bias = -slopes.view(-1, 1, 1) * (place[:, None] - place).abs()
    is_shown = shown_by_blocks(length, 16) & mask[:, None, None]
    dense = bias.expand(2, -1, -1, -1).masked_fill(~is_shown, float("-inf"))

    def reference_attention(query, key, value):
        shares = (query @ key.transpose(2, 3) / query.shape[-1] ** 0.5 + dense).softmax(dim=-1)
        return shares @ value

    expected = outcome(reference_attention, inputs, mask)
    for found, wanted in zip(
        outcome(sparse(slopes, mask, 16), inputs, mask), expected, strict=True
    ):
        torch.testing.assert_close(found, wanted, **CLOSE)


@torch.no_grad()
def test_a_model_with_sparse_attention_differs_only_where_a_window_has_several_blocks():
    import random

    dense, blocks = model(3), model(3, sparse_block=16)
    short, long = (example(letters(random.Random(1), n), []) for n in (60, 600))
    for one, is_equal in ((short, True), (long, False)):
        windows = window_batch([one])
        pair = dense.encode(windows).tokens, blocks.encode(windows).tokens
        assert torch.allclose(*pair, atol=1e-5) == is_equal


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sparse_block": 48}, "a sparse block of 48 tokens; choose one of 16, 32, 64, 128"),
        ({"experts": 4, "top_k": 5}, "top-k is 5 of 4 experts; choose a number from 1 to that"),
        ({"heads": 5}, "a width of 32 is not divisible by 5 heads; change one of them"),
        ({"layers": 0}, "layers is 0; raise it"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(changes, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        model(**changes)
