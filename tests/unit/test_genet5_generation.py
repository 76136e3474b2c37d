"""Targets that a model writes: always legal, whatever the model, and as the network says."""

import random

import pytest
import torch
from genet5_data import codec, example, gene_example, letters, mixed_examples, model
from models_data import one_thread  # noqa: F401

from seqloom.annotate.grammar import Walk, Window
from seqloom.annotate.signals import Rules
from seqloom.genet5 import generation
from seqloom.genet5.batches import target_batch, window_batch
from seqloom.genet5.generation import Sampling, generate
from seqloom.genet5.losses import allowed_log_probabilities

CODEC = codec()
HOT = Sampling(temperature=1.5, top_k=None, top_p=None)


def network(seed=0):
    made = model(seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in made.decoder.layer:
            layer.cross.output.weight.normal_(0, 0.2, generator=generator)
    return made


def windows():
    draw = random.Random(3)
    return [
        *mixed_examples(),
        example(letters(draw, 400), [], code=4),
        example("N" * 200, []),
        example("ACG", []),
        example("A", []),
        example("".join(draw.choices("ACGTN", k=300)), [], code=1),
        example("N" * 50 + gene_example(4).letters, []),
    ]


def is_allowed(written, window, rules):
    walk = Walk(Window(window.letters, window.place.genetic_code, rules), CODEC.biotypes)
    for step in written.steps:
        if not walk.allows(step):
            return False
        walk.take(step)
    return walk.is_done


@pytest.mark.parametrize("rules", [Rules(), Rules(False, False, False)], ids=str)
@pytest.mark.parametrize("sampling", [None, HOT, Sampling()], ids=str)
def test_what_any_model_writes_of_any_window_is_a_target_by_the_rules(rules, sampling):
    genes = 0
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        found = generate(network(seed), windows(), CODEC, rules, sampling, generator, most=120)
        for written, window in zip(found, windows(), strict=True):
            assert is_allowed(written, window, rules)
            assert written.pieces == CODEC.decode(written.steps)
            assert len(written.scores) == len(written.pieces)
            assert len(written.steps) == len(written.log_probabilities) <= 120
            genes += len(written.pieces)
    assert genes > 20


def test_a_target_ends_at_the_limit_and_a_gene_under_way_is_dropped():
    endings = set()
    for seed in range(6):
        generator = torch.Generator().manual_seed(seed)
        for most in (2, 7, 9, 16, 30):
            args = network(seed), windows(), CODEC, Rules(False, False, False), HOT, generator
            for written, window in zip(generate(*args, most=most), windows(), strict=True):
                assert is_allowed(written, window, Rules(False, False, False))
                assert len(written.steps) <= most
                endings.add((written.is_short, len(written.steps) < most))
    assert endings >= {(True, True), (False, True)}


@pytest.mark.parametrize("sampling", [None, HOT])
def test_log_probabilities_are_those_of_all_steps_at_once_without_a_cache(sampling):
    made, given = network(), windows()
    generator = torch.Generator().manual_seed(0)
    found = generate(made, given, CODEC, Rules(), sampling, generator, most=150)
    temperature, compared = sampling.temperature if sampling else 1, 0
    for written, window in zip(found, given, strict=True):
        if CODEC.encode(written.pieces) != written.steps:
            continue  # of genes with the same first base the model may write the longer first
        compared += len(written.pieces)
        own = example(window.letters, written.pieces, window.place.genetic_code)
        targets = target_batch([own], CODEC, Rules())
        with torch.no_grad():
            outputs = made(window_batch([own]), targets.tokens[:, :-1], targets.positions[:, :-1])
        for logits, chosen, allowed in (
            (outputs.token_logits, targets.tokens, targets.allowed_tokens),
            (outputs.base_logits, targets.positions, targets.allowed_bases),
        ):
            of_all = allowed_log_probabilities(logits[0] / temperature, allowed[0, 1:])
            for step in (chosen[0] >= 0).nonzero()[:, 0].tolist()[chosen is targets.tokens :]:
                expected = float(of_all[step - 1, chosen[0, step]])
                assert written.log_probabilities[step] == pytest.approx(expected, abs=1e-4)
    assert compared > 5


@pytest.mark.parametrize("tokens_read", [1, 100, 5000])
def test_a_window_in_a_batch_is_written_as_alone_and_copies_come_in_a_row(tokens_read, monkeypatch):
    monkeypatch.setattr(generation, "TOKENS_READ", tokens_read)
    made, given = network(1), windows()
    together = generate(made, given, CODEC, Rules(), most=100)
    for written, window in zip(together, given, strict=True):
        [alone] = generate(made, [window], CODEC, Rules(), most=100)
        assert alone.steps == written.steps
        assert alone.scores == pytest.approx(written.scores, abs=1e-4)
    twice = generate(made, given, CODEC, Rules(), copies=2, most=100)
    assert [one.steps for one in twice[::2]] == [one.steps for one in together]
    assert [one.steps for one in twice[1::2]] == [one.steps for one in together]


def test_a_seed_decides_what_is_drawn_and_top_k_of_one_is_the_likeliest():
    made, given = network(2), windows()

    def steps(sampling, seed):
        generator = torch.Generator().manual_seed(seed)
        found = generate(made, given, CODEC, Rules(), sampling, generator, copies=3, most=60)
        return [one.steps for one in found]

    assert steps(HOT, 0) == steps(HOT, 0) != steps(HOT, 1)
    likeliest = [one.steps for one in generate(made, given, CODEC, Rules(), copies=3, most=60)]
    assert steps(Sampling(1.0, top_k=1), 0) == steps(Sampling(1.0, top_p=1e-9), 1) == likeliest


def test_the_score_of_a_gene_is_the_mean_over_its_steps():
    [written] = generate(network(3), [gene_example(7, genes=2)], CODEC, Rules())
    assert written.pieces
    first = 1
    for piece, score in zip(written.pieces, written.scores, strict=True):
        last = first + 3 + 4 * len(piece.exons) + piece.cut_left + piece.cut_right
        mean = sum(written.log_probabilities[first:last]) / (last - first)
        assert score == pytest.approx(mean)
        first = last
