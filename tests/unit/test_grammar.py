"""What may follow in a target, and that what follows is always a target."""

import random

import numpy as np
import pytest
from Bio.Data import CodonTable
from Bio.Seq import Seq

from seqloom.annotate.codec import Codec, Step, from_text
from seqloom.annotate.grammar import Walk, Window
from seqloom.annotate.signals import Rules

CODEC = Codec(("CDS", "tRNA"))
NONE = Rules(splice_sites=False, codons=False, frame=False)


def letters_of(seed: int, length: int) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=length))


def random_target(window: Window, draw: random.Random, longest: int = 400) -> list[Step]:
    walk, steps = Walk(window, CODEC.biotypes), []
    while not walk.is_done:
        tokens, positions = sorted(walk.tokens()), np.flatnonzero(walk.positions())
        assert bool(tokens) != bool(len(positions)), f"no way on after {steps[-6:]}"
        if tokens:
            whole = [token for token in tokens if not token.startswith("<cut")]
            ends = "<eos>" in tokens and len(steps) > longest
            step = "<eos>" if ends else draw.choice(whole * 4 + tokens)
        else:
            is_end = isinstance(steps[-1], int)
            step = int(draw.choice(positions[:20])) + is_end
        assert walk.allows(step)
        walk.take(step)
        steps.append(step)
    return steps


@pytest.mark.parametrize("rules", [NONE, Rules(), Rules(codons=False), Rules(frame=False)], ids=str)
def test_a_random_walk_always_ends_as_a_target_in_order(rules):
    for seed in range(40):
        window = Window(letters_of(seed, 600), 1, rules)
        pieces = CODEC.decode(random_target(window, random.Random(seed)))
        starts = [piece.exons[0].start for piece in pieces]
        assert starts == sorted(starts)
        for piece in pieces:
            bounds = [bound for start, end, _ in piece.exons for bound in (start, end)]
            assert bounds == sorted(bounds)
            assert all(start < end for start, end, _ in piece.exons) and bounds[-1] <= 600


def test_whole_genes_of_a_random_walk_are_genes():
    table = CodonTable.unambiguous_dna_by_id[11]
    seen = {"+": 0, "-": 0, "spliced": 0}
    for seed in range(150):
        letters = letters_of(seed, 900)
        target = random_target(Window(letters, 11, Rules()), random.Random(seed), longest=80)
        for piece in CODEC.decode(target):
            if piece.biotype != "CDS" or piece.cut_left or piece.cut_right:
                continue
            introns = [
                letters[before.end : after.start]
                for before, after in zip(piece.exons, piece.exons[1:], strict=False)
            ]
            spliced = "".join(letters[start:end] for start, end, _ in piece.exons)
            phases = [exon.phase for exon in piece.exons]
            lengths = [exon.bases for exon in piece.exons]
            if piece.strand == "-":
                introns = [str(Seq(intron).reverse_complement()) for intron in introns]
                spliced = str(Seq(spliced).reverse_complement())
                phases, lengths = phases[::-1], lengths[::-1]
            assert len(spliced) % 3 == 0
            assert spliced[:3] in table.start_codons and spliced[-3:] in table.stop_codons
            assert phases == [-sum(lengths[:number]) % 3 for number in range(len(lengths))]
            for intron in introns:
                ends = intron[:2], intron[-2:]
                assert ends in {("GT", "AG"), ("GC", "AG"), ("AT", "AC")}
            if len(piece.exons) == 1:
                assert "*" not in str(Seq(spliced).translate(11))[:-1]
            seen[piece.strand] += 1
            seen["spliced"] += len(piece.exons) > 1
    assert all(count > 10 for count in seen.values()), seen


def test_the_end_of_a_forward_gene_follows_from_its_start_and_a_reverse_gene_has_few():
    forward = "CC" + "ATG" + "ACC" * 5 + "TAA" + "CCCCTAA"
    walk = Walk(Window(forward, 1, Rules()), ("CDS",))
    for step in from_text("<bos> <gene> <+> <cds> <exon> 2"):
        assert walk.allows(step), step
        walk.take(step)
    assert np.flatnonzero(walk.positions()).tolist() == [22]

    reverse = "CC" + "TTA" + "GGG" * 5 + "CAT" + "GGG" + "CAT" + "CC"
    walk = Walk(Window(reverse, 1, Rules()), ("CDS",))
    for step in from_text("<bos> <gene> <-> <cds> <exon> 2"):
        assert walk.allows(step), step
        walk.take(step)
    # The last bases of two start codons, and the edge: the gene may go on beyond it.
    assert np.flatnonzero(walk.positions()).tolist() == [22, 28, 30]


@pytest.mark.parametrize(
    ("change", "step"),
    [
        ({}, None),
        ({0: "<eos>"}, 0),
        ({5: 30}, 5),  # no start codon
        ({6: 37}, 6),  # no donor
        ({7: "<p1>"}, 7),  # another frame
        ({9: 62}, 9),  # no acceptor
        ({10: 80}, 10),  # no stop codon
        ({12: "<exon>"}, 12),  # the gene has ended
    ],
)
def test_a_rule_is_broken_at_the_step_that_breaks_it(change, step):
    exons = "ATGGCAGC" + "GTAAGTCCCCCCCCCTTCAG" + "TGCAGCATAA"
    letters = "C" * 28 + exons + "C" * 30
    steps = from_text("<bos> <gene> <+> <cds> <exon> 28 36 <p0> <exon> 56 66 <p1> <eos>")
    steps = [change.get(number, step) for number, step in enumerate(steps)]
    walk, broken = Walk(Window(letters, 1, Rules()), ("CDS",)), None
    for number, taken in enumerate(steps):
        if not walk.allows(taken):
            broken = number
            break
        walk.take(taken)
    assert broken == step
