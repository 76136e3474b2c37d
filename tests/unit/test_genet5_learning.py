"""Models that learn: windows by heart, and better genes by rewards."""

import dataclasses
import random

import pytest
import torch
from Bio.Seq import reverse_complement
from genet5_data import (
    codec,
    dna_tokenizer,
    example,
    gene,
    gene_example,
    letters,
    model,
    steps_of,
)
from models_data import one_thread  # noqa: F401

from seqloom.annotate.codec import Piece
from seqloom.annotate.signals import Rules
from seqloom.genet5.batches import target_batch, window_batch
from seqloom.genet5.folders import save_model
from seqloom.genet5.generation import generate
from seqloom.genet5.grpo import Prompts, Recipe, Refinement
from seqloom.genet5.losses import loss_sums
from seqloom.genet5.rewards import reward
from seqloom.seqs.genes import Exon

NO_RULES = Rules(splice_sites=False, codons=False, frame=False)


def train(network, batches, rules):
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    for examples in batches:
        windows, targets = window_batch(examples), target_batch(examples, codec(), rules)
        sums = loss_sums(network(windows, *steps_of(targets)), targets, windows, 0)
        optimizer.zero_grad()
        (sums.loss / sums.count).backward()
        optimizer.step()


def spliced_reverse_gene(seed):
    """A window with a gene of two exons on the reverse strand, cut at its right edge."""
    draw = random.Random(seed)
    coding = gene(draw, 30)
    spliced = coding[:40] + "GT" + letters(draw, 50) + "AG" + coding[40:]
    left = letters(draw, 70)
    sequence = left + reverse_complement(spliced)
    last = len(left) + len(coding) - 40
    exons = Exon(len(left), last, 2), Exon(last + 54, len(sequence), 0)
    return example(sequence, [Piece("-", "CDS", exons, cut_right=True)])


@pytest.mark.parametrize("rules", [Rules(), NO_RULES], ids=["rules", "grammar alone"])
def test_four_windows_are_learned_by_heart(rules):
    draw = random.Random(3)
    trna = [Piece("+", "tRNA", (Exon(30, 90, None), Exon(110, 130, None)))]
    examples = [
        gene_example(1, genes=2),
        spliced_reverse_gene(2),
        example(letters(draw, 120), []),
        example(letters(draw, 60) + "N" * 20 + letters(draw, 90), trna),
    ]
    network = model()
    train(network, [examples] * 80, rules)
    for one, written in zip(
        examples, generate(network, examples, codec(), rules, most=60), strict=True
    ):
        assert reward(one.pieces, written.pieces, softness=0).exon_f1 >= 0.99
        assert written.pieces == one.pieces


def test_rewards_rise_on_a_fixed_set_of_prompts_beyond_the_noise_of_the_seed(tmp_path):
    rules = Rules(frame=False)
    network = model()
    fresh = ([gene_example(1000 + 8 * step + n) for n in range(8)] for step in range(40))
    train(network, fresh, rules)
    fixed = [gene_example(number) for number in range(4)]
    recipe = Recipe(prompts=4, lr=5e-4, steps=6)

    def sampled_reward(seed):
        generator = torch.Generator().manual_seed(seed)
        found = [
            reward(one.pieces, written.pieces, softness=0).value
            for one in fixed
            for written in generate(
                network, [one], codec(), rules, recipe.sampling, generator, copies=8, most=60
            )
        ]
        return sum(found) / len(found)

    before = [sampled_reward(seed) for seed in range(3)]
    prompts = Prompts(len(fixed), fixed.__getitem__, fixed[:1], codec(), rules)

    def write(folder, network):
        save_model(folder, network, dna_tokenizer(), dataclasses.asdict(recipe))

    Refinement(network, recipe, prompts, tmp_path, write, {}).run()
    after = [sampled_reward(seed) for seed in range(3)]
    assert max(before) < 0.8
    assert min(after) > max(before) + 2 * (max(before) - min(before))
