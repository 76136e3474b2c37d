"""Which windows are trained on when, and from which strand."""

import random
from itertools import chain, pairwise

import numpy as np
import pytest
import torch
from baked_run import SPECIES, write_baked_run
from genet5_data import dna_tokenizer, example, model
from hypothesis import given
from hypothesis import strategies as st
from test_grammar import CODEC, NONE, letters_of, random_target

from seqloom.annotate.examples import read_examples
from seqloom.annotate.grammar import Walk, Window
from seqloom.annotate.signals import Rules
from seqloom.encoders.tokenizers import load_tokenizer
from seqloom.genet5.augment import is_turned, reverse_complement
from seqloom.genet5.baked import read_baked
from seqloom.genet5.batches import target_batch
from seqloom.genet5.loading import Batches
from seqloom.genet5.order import Order, windows_of
from seqloom.genet5.schedule import adamw, learning_rate


@pytest.fixture(scope="module")
def baked(tmp_path_factory):
    return read_baked(write_baked_run(tmp_path_factory.mktemp("set") / "run", 1, 30, contigs=3))


def test_windows_read_by_place_are_those_read_in_order(baked):
    shards = baked.shards([SPECIES])
    windows, numbers = windows_of(shards), iter(range(1000))
    assert len(shards) == 2
    for shard in shards:
        for before in read_examples(shard, baked.codec):
            number = next(numbers)
            read = windows.read(number, baked.codec)
            assert (read.place, read.letters, read.pieces) == (
                before.place,
                before.letters,
                before.pieces,
            )
            assert np.array_equal(read.tokens, before.tokens)
            sizes = [windows.sizes(name)[number] for name in ("bases", "tokens", "steps")]
            steps = len(baked.codec.encode(before.pieces))
            assert sizes == [len(before.letters), len(before.tokens), steps]
    assert len(windows) == next(numbers)
    assert len(windows.some(5)) == 5 and len(windows.some(10_000)) == len(windows)


@given(
    st.lists(st.integers(3, 90), min_size=1, max_size=60),
    st.integers(1, 20),
    st.integers(1, 5),
)
def test_an_epoch_has_each_window_once_whatever_the_number_of_ranks(tokens, batch, ranks):
    order = Order(np.array(tokens), seed=3, batch=batch, budget=200, ranks=ranks)
    alone = Order(np.array(tokens), seed=3, batch=batch, budget=200)
    seen = []
    for step in range(1, order.steps_per_epoch + 1):
        shares = order.step(step)
        assert len({len(share) for share in shares}) == 1 and shares[0]
        own = [n for share in shares for micro in share if micro.counts for n in micro.windows]
        assert sorted(own) == sorted(order.windows(step)) == sorted(alone.windows(step))
        assert len(own) == batch or step == order.steps_per_epoch
        for micro in (micro for share in shares for micro in share):
            padded = max(tokens[n] for n in micro.windows) * len(micro.windows)
            assert padded <= 200 and micro.epoch == 1
        seen += own
    assert sorted(seen) == list(range(len(tokens)))
    assert order.token_count(1, order.steps_per_epoch) == sum(tokens)


def test_epochs_and_seeds_have_their_own_order():
    def epochs(seed):
        order = Order(np.full(40, 10), seed, batch=7, budget=1000)
        steps = [order.windows(step).tolist() for step in range(1, 13)]
        return list(chain(*steps[:6])), list(chain(*steps[6:]))

    first, second = epochs(seed=1)
    assert sorted(first) == sorted(second) and first != second
    assert epochs(seed=1) == (first, second) != epochs(seed=2)


@pytest.mark.parametrize("rules", [NONE, Rules()], ids=["none", "all"])
def test_the_other_strand_of_a_window_is_a_target_and_its_other_strand_is_the_window(rules):
    kinds = set()
    for seed in range(60):
        letters = letters_of(seed, 600)
        steps = random_target(Window(letters, 1, rules), random.Random(seed), longest=60)
        window = example(letters, CODEC.decode(steps), code=1)
        turned = reverse_complement(window, dna_tokenizer())
        back = reverse_complement(turned, dna_tokenizer())
        assert back.letters == letters != turned.letters and back.pieces == window.pieces
        assert np.array_equal(back.tokens, window.tokens)
        assert np.array_equal(back.token_ends, window.token_ends)
        assert turned.token_ends[-1] == 600
        walk = Walk(Window(turned.letters, 1, rules), CODEC.biotypes)
        for step in CODEC.encode(turned.pieces):
            assert walk.allows(step), (seed, step)
            walk.take(step)
        kinds |= {(p.strand, p.cut_left, p.cut_right, len(p.exons) > 1) for p in turned.pieces}
    assert len(kinds) > 10


def test_about_half_of_the_windows_are_turned_in_an_epoch_and_others_in_the_next(baked):
    draws = np.array([[is_turned(5, epoch, n) for n in range(2000)] for epoch in (1, 2)])
    assert abs(draws.mean(axis=1) - 0.5).max() < 0.05
    assert 0.4 < (draws[0] == draws[1]).mean() < 0.6
    windows = windows_of(baked.shards([SPECIES]))
    tokenizer = load_tokenizer(baked.tokenizer)
    turning = Batches(windows, baked.codec, baked.rules, tokenizer, seed=5)
    plain = Batches(windows, baked.codec, baked.rules)
    [[micro, *_]] = Order(windows.sizes("tokens"), 1, 20, 100_000).step(1)
    pairs = zip(plain.examples(micro), turning.examples(micro), strict=True)
    changed = [before.letters != after.letters for before, after in pairs]
    assert changed == [is_turned(5, 1, number) for number in micro.windows]


def test_batches_do_not_depend_on_the_processes_that_read_them(baked):
    windows = windows_of(baked.shards([SPECIES]))
    batches = Batches(windows, baked.codec, baked.rules, load_tokenizer(baked.tokenizer), 5)
    [micros] = Order(windows.sizes("tokens"), 1, 12, 1000).step(1)
    before = torch.get_rng_state()
    one, two = (list(batches.read(micros, workers)) for workers in (0, 2))
    assert len(one) == len(two) == len(micros) > 2
    for first, second in zip(one, two, strict=True):
        assert torch.equal(first.windows.ids, second.windows.ids)
        assert torch.equal(first.targets.allowed_bases, second.targets.allowed_bases)
        assert torch.equal(first.labels, second.labels)
    assert torch.equal(before, torch.get_rng_state())


def test_sizes_of_the_index_are_the_counts_of_the_loss(baked):
    windows = windows_of(baked.shards([SPECIES]))
    examples = [windows.read(number, baked.codec) for number in range(6)]
    tokenizer = load_tokenizer(baked.tokenizer)
    turned = [reverse_complement(one, tokenizer) for one in examples]
    for some in (examples, turned):
        targets = target_batch(some, baked.codec, baked.rules)
        steps = (targets.tokens[:, 1:] >= 0).sum() + (targets.positions[:, 1:] >= 0).sum()
        assert int(steps) == (windows.sizes("steps")[:6] - 1).sum()


def test_the_learning_rate_rises_and_falls_to_nothing():
    rates = [learning_rate(step, 100, 0.1, 2.0) for step in range(1, 101)]
    assert rates[:10] == pytest.approx([0.2 * n for n in range(1, 11)])
    assert all(a > b > 0 for a, b in pairwise(rates[9:]))
    assert rates[55] == pytest.approx(1, abs=0.05) and rates[-1] < 0.001


def test_biases_norms_and_embeddings_do_not_decay():
    network = model()
    decaying, others = adamw(network, 0.1).param_groups
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    decays = {names[id(parameter)] for parameter in decaying["params"]}
    stays = {names[id(parameter)] for parameter in others["params"]}
    assert decays | stays == set(names.values()) and not decays & stays
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.1, 0)
    assert all(name.endswith(".weight") for name in decays)
    assert {"encoder.embeddings.word_embeddings.weight", "base_states.norm.weight"} <= stays
    assert not any(word in name for name in decays for word in ("embeddings", "norm", "Norm"))
