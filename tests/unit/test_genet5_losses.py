"""Windows and targets as tensors, and the loss over what the grammar allows."""

import math
import random

import numpy as np
import pytest
import torch
from genet5_data import codec, example, gene_example, letters, mixed_examples, model, steps_of
from models_data import one_thread  # noqa: F401

from seqloom.annotate.codec import Piece
from seqloom.annotate.grammar import Walk, Window
from seqloom.annotate.signals import Rules
from seqloom.genet5.batches import target_batch, window_batch
from seqloom.genet5.losses import loss_sums
from seqloom.genet5.network import Outputs
from seqloom.seqs.genes import Exon


def test_a_window_batch_has_the_token_of_each_base():
    examples = mixed_examples()
    windows = window_batch(examples)
    for row, one in enumerate(examples):
        count, bases = len(one.tokens), len(one.letters)
        assert windows.ids[row, :count].tolist() == one.tokens.tolist()
        assert windows.token_mask[row].tolist() == [n < count for n in range(len(windows.ids[row]))]
        assert windows.base_mask[row].sum() == bases
        shown = "".join("ACGTN"[code] for code in windows.bases[row, :bases])
        assert shown == one.letters
        starts = [0, *one.token_ends[:-1]]
        for number, (start, end) in enumerate(zip(starts, one.token_ends, strict=True)):
            assert (windows.token_of_base[row, start:end] == number).all()
    assert (windows.ids[~windows.token_mask] == 3).all()
    assert (windows.bases[~windows.base_mask] == 5).all()


def test_a_target_batch_has_the_bases_pointed_at_and_what_the_walk_allows():
    examples = mixed_examples()
    targets = target_batch(examples, codec(), Rules())
    names = codec().tokens
    for row, one in enumerate(examples):
        steps = codec().encode(one.pieces)
        walk = Walk(Window(one.letters, 11, Rules()), codec().biotypes)
        for number, step in enumerate(steps):
            token, base = targets.tokens[row, number].item(), targets.positions[row, number].item()
            assert token == (names.index(step) if isinstance(step, str) else -1)
            expected = step - (walk.expects == "end") if isinstance(step, int) else -1
            assert base == expected
            allowed = {names[n] for n in targets.allowed_tokens[row, number].nonzero()}
            assert allowed == walk.tokens() | ({step} if isinstance(step, str) else set())
            found = targets.allowed_bases[row, number].nonzero()[:, 0].tolist()
            assert set(found) == {*np.flatnonzero(walk.positions())} | ({base} - {-1})
            walk.take(step)
        for mask in (targets.allowed_tokens, targets.allowed_bases):
            assert not mask[row, len(steps) :].any()


def test_a_gene_that_the_rules_refuse_is_allowed_in_its_own_target():
    # No start codon, no stop codon and a frame that does not fit.
    one = example("C" * 200, [Piece("+", "CDS", (Exon(50, 71, 0), Exon(100, 120, 1)))])
    targets = target_batch([one], codec(), Rules())
    is_token, is_base = targets.tokens >= 0, targets.positions >= 0
    assert targets.allowed_tokens[is_token].gather(1, targets.tokens[is_token][:, None]).all()
    assert targets.allowed_bases[is_base].gather(1, targets.positions[is_base][:, None]).all()


def expected_sums(outputs, targets, smoothing):
    """Step by step, from the description."""
    loss, count = 0.0, 0
    for row in range(len(targets.tokens)):
        for step in range(1, targets.tokens.shape[1]):
            for chosen, allowed, logits in (
                (targets.tokens, targets.allowed_tokens, outputs.token_logits),
                (targets.positions, targets.allowed_bases, outputs.base_logits),
            ):
                if (true := chosen[row, step].item()) < 0:
                    continue
                numbers = allowed[row, step].nonzero()[:, 0].tolist()
                values = [logits[row, step - 1, n].item() for n in numbers]
                total = math.log(sum(map(math.exp, values)))
                each = [total - value for value in values]
                loss += (1 - smoothing) * each[numbers.index(true)]
                loss += smoothing * sum(each) / len(each)
                count += 1
    return loss, count


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_cross_entropy_over_what_is_allowed(smoothing):
    examples = mixed_examples()
    windows, targets = window_batch(examples), target_batch(examples, codec(), Rules())
    outputs = model()(windows, *steps_of(targets))
    sums = loss_sums(outputs, targets, windows, smoothing)
    loss, count = expected_sums(outputs, targets, smoothing)
    assert sums.count == count
    assert sums.loss.item() == pytest.approx(loss, rel=1e-5)


def test_what_is_not_allowed_has_no_effect_on_the_loss():
    examples = mixed_examples()
    windows, targets = window_batch(examples), target_batch(examples, codec(), Rules())
    outputs = model()(windows, *steps_of(targets))
    changed = Outputs(
        outputs.token_logits.masked_fill(~targets.allowed_tokens[:, 1:], 1e4),
        outputs.base_logits.masked_fill(~targets.allowed_bases[:, 1:], 1e4),
        outputs.segment_logits,
    )
    pair = (loss_sums(one, targets, windows, 0.1).loss for one in (outputs, changed))
    assert torch.equal(*pair)


def test_sums_of_a_batch_are_the_sums_of_its_windows():
    examples, network = mixed_examples(), model()

    def sums_of(chosen):
        windows, targets = window_batch(chosen), target_batch(chosen, codec(), Rules())
        labels = windows.bases.clamp(max=4).masked_fill(~windows.base_mask, -1)
        outputs = network(windows, *steps_of(targets))
        sums = loss_sums(outputs, targets, windows, 0.1, labels)
        pairs = (sums.types, sums.bases, sums.segment)
        return torch.tensor([[pair.loss.item(), pair.count.item()] for pair in pairs])

    alone = torch.stack([sums_of([one]) for one in examples]).sum(dim=0)
    torch.testing.assert_close(sums_of(examples), alone, rtol=1e-5, atol=1e-5)


def test_a_window_where_no_gene_can_be_costs_nothing():
    one = example("C" * 40, [])
    rules = Rules()
    windows, targets = window_batch([one]), target_batch([one], codec(), rules)
    sums = loss_sums(model()(windows, *steps_of(targets)), targets, windows, 0.1)
    assert targets.tokens.tolist() == [[0, 1]] and sums.count == 1
    assert sums.bases.count == 0 and sums.bases.mean == 0 and sums.loss.isfinite()


def test_parts_are_means():
    one = gene_example(3)
    windows, targets = window_batch([one]), target_batch([one], codec(), Rules())
    sums = loss_sums(model()(windows, *steps_of(targets)), targets, windows, 0)
    assert sums.parts["base"] == pytest.approx(sums.bases.loss.item() / 2)
    assert sums.parts["segment"] == 0


def test_batches_move_as_a_whole():
    windows = window_batch([example(letters(random.Random(0), 50), [])]).to("meta")
    assert {tensor.device.type for tensor in vars(windows).values()} == {"meta"}
