"""The network: padding, causality, gradients and the cache."""

import pytest
import torch
from genet5_data import codec, mixed_examples, model, steps_of
from models_data import one_thread  # noqa: F401

from seqloom.annotate.signals import Rules
from seqloom.genet5.batches import target_batch, window_batch
from seqloom.genet5.losses import loss_sums

CLOSE = {"rtol": 0, "atol": 1e-5}


@pytest.fixture(scope="module")
def batch():
    examples = mixed_examples()
    return window_batch(examples), target_batch(examples, codec(), Rules())


def with_ways_to_the_window(network):
    """The projections that start at zero are drawn, so that they show."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for layer in network.decoder.layer:
            layer.cross.output.weight.normal_(0, 0.2, generator=generator)
    return network


def test_every_tensor_gets_a_finite_gradient(batch):
    windows, targets = batch
    network = with_ways_to_the_window(model())
    labels = torch.zeros_like(windows.bases)
    sums = loss_sums(network(windows, *steps_of(targets)), targets, windows, 0.1, labels)
    (sums.loss / sums.count + sums.segment.loss / sums.segment.count).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name
    for layer in [*network.encoder.encoder.layer, *network.decoder.layer]:
        for part in layer.attention["self"].Wqkv.weight.grad.chunk(3):
            assert part.abs().sum() > 0


@torch.no_grad()
def test_a_window_in_a_batch_is_the_window_alone():
    examples = mixed_examples()
    network = with_ways_to_the_window(model())
    targets = target_batch(examples, codec(), Rules())
    together = network(window_batch(examples), *steps_of(targets))
    for row, example in enumerate(examples):
        own = target_batch([example], codec(), Rules())
        alone = network(window_batch([example]), *steps_of(own))
        steps, bases = own.tokens.shape[1] - 1, len(example.letters)
        torch.testing.assert_close(
            together.base_logits[row, :steps, :bases], alone.base_logits[0], **CLOSE
        )
        torch.testing.assert_close(
            together.token_logits[row, :steps], alone.token_logits[0], **CLOSE
        )
        torch.testing.assert_close(
            together.segment_logits[row, :bases], alone.segment_logits[0], **CLOSE
        )


@torch.no_grad()
def test_later_steps_do_not_change_earlier_ones(batch):
    windows, targets = batch
    network = with_ways_to_the_window(model())
    tokens, positions = steps_of(targets)
    memory = network.encode(windows)
    before = network.decode(tokens, positions, memory)
    for step in (1, 5, tokens.shape[1] - 1):
        changed = tokens.clone(), positions.clone()
        changed[0][:, step:], changed[1][:, step:] = -1, 7
        after = network.decode(*changed, memory)
        assert torch.equal(before[:, :step], after[:, :step])
        assert not torch.equal(before[:, step:], after[:, step:])


@torch.no_grad()
def test_steps_one_by_one_with_a_cache_are_all_steps_at_once(batch):
    windows, targets = batch
    network = with_ways_to_the_window(model())
    tokens, positions = steps_of(targets)
    memory = network.encode(windows)
    at_once = network.decode(tokens, positions, memory)
    index = torch.tensor([2, 0, 0])
    rows, cache = memory.rows(index), network.cache(memory).rows(index)
    found = []
    for first, last in [(0, 3), *((step, step + 1) for step in range(3, tokens.shape[1]))]:
        steps = tokens[index, first:last], positions[index, first:last]
        found.append(network.decode(*steps, rows, cache))
    torch.testing.assert_close(torch.cat(found, dim=1), at_once[index], **CLOSE)
