"""Genes as labels of bases, and the best genes by log-probabilities of labels."""

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from facts import code_of, genome_file, if_shared, sequences_of
from test_grammar import letters_of, random_target

from seqloom.annotate.codec import Codec, Piece, place
from seqloom.annotate.grammar import Walk, Window
from seqloom.annotate.signals import Rules
from seqloom.annotate.window_plan import window_pieces
from seqloom.genet5.segment import EXON, INTRON, LABELS, best_pieces, labels
from seqloom.seqs.gene_reader import read_genes
from seqloom.seqs.genes import ContigGenes, Exon

CODEC = Codec(("CDS", "tRNA"))
CODING = Codec(("CDS",))
NONE = Rules(splice_sites=False, codons=False, frame=False)


def certain(numbers):
    """Log-probabilities that are sure of the labels."""
    found = np.full((len(numbers), len(LABELS)), np.log(0.001 / (len(LABELS) - 1)))
    found[np.arange(len(numbers)), numbers] = np.log(0.999)
    return found


def noisy(seed, length, strength=1.0):
    scores = np.random.default_rng(seed).normal(0, strength, (length, len(LABELS)))
    return scores - np.log(np.exp(scores).sum(1, keepdims=True))


def total(log_probabilities, pieces):
    chosen = labels(pieces, len(log_probabilities))
    return log_probabilities[np.arange(len(chosen)), chosen].sum()


def is_allowed(piece, window):
    walk = Walk(window, CODING.biotypes)
    for step in CODING.encode([piece]):
        if not walk.allows(step):
            return False
        walk.take(step)
    return True


def shown(pieces, length):
    """Coding genes that labels can show: they touch neither each other nor an edge."""
    kept, free = [], 0
    for piece in filter(None, map(fitted, sorted(pieces, key=place))):
        start = 0 if piece.cut_left else piece.exons[0].start
        end = length if piece.cut_right else piece.exons[-1].end
        touches = (not piece.cut_left and start == 0) or (not piece.cut_right and end == length)
        gaps = zip(piece.exons, piece.exons[1:], strict=False)
        touches |= any(before.end == after.start for before, after in gaps)
        if piece.biotype == "CDS" and start >= free and not touches:
            kept.append(piece)
            free = end + 1
    return kept


def test_each_base_of_a_gene_has_its_place_in_the_codon_or_the_bases_read_before():
    forward = Piece("+", "CDS", (Exon(2, 6, 0), Exon(9, 11, 2)), cut_right=True)
    found = labels([forward], 13)
    e, i = EXON["+"], INTRON["+"]
    assert found.tolist() == [0, 0, e, e + 1, e + 2, e, *[i + 1] * 3, e + 1, e + 2, i, i]
    reverse = Piece("-", "CDS", (Exon(2, 4, 2), Exon(7, 11, 0)), cut_left=True)
    e, i = EXON["-"], INTRON["-"]
    expected = [i, i, e + 2, e + 1, *[i + 1] * 3, e, e + 2, e + 1, e, 0, 0]
    assert labels([reverse], 13).tolist() == expected
    assert labels([Piece("+", "tRNA", (Exon(1, 5, None),))], 6).tolist() == [0] * 6


@pytest.mark.parametrize(
    "rules", [Rules(), Rules(splice_sites=False), Rules(codons=False)], ids=str
)
def test_genes_that_the_rules_allow_come_back_from_their_labels(rules):
    seen = Counter()
    for seed in range(60):
        window = Window(letters_of(seed, 900), 11, rules)
        steps = random_target(window, random.Random(seed), longest=60)
        pieces = shown(CODEC.decode(steps), 900)
        found, scores = best_pieces(certain(labels(pieces, 900)), window)
        assert found == pieces
        assert scores == pytest.approx([np.log(0.999)] * len(pieces))
        for piece in pieces:
            seen.update([piece.strand, "cut" if piece.cut_left or piece.cut_right else "whole"])
            seen["spliced"] += len(piece.exons) > 1
    assert all(seen[kind] for kind in ("+", "-", "cut", "spliced")), seen


def fitted(piece):
    """A gene whose phases fit together; None if it has a part of a codon too many."""
    exons = piece.exons if piece.strand == "+" else piece.exons[::-1]
    read = -(exons[0].phase or 0) if first_is_cut(piece) else 0
    made = []
    for exon in exons:
        made.append(exon._replace(phase=-read % 3))
        read += exon.bases
    fits = last_is_cut(piece) or read % 3 == 0
    return replace(piece, exons=tuple(sorted(made))) if fits else None


def first_is_cut(piece):
    return piece.cut_left if piece.strand == "+" else piece.cut_right


def last_is_cut(piece):
    return piece.cut_right if piece.strand == "+" else piece.cut_left


@pytest.mark.parametrize(
    "rules", [Rules(), NONE, Rules(codons=False), Rules(splice_sites=False)], ids=str
)
def test_the_best_genes_are_allowed_and_no_random_genes_are_better(rules):
    for seed in range(30):
        window = Window(letters_of(seed, 150), 1, rules)
        log_probabilities = noisy(seed, 150)
        best, _ = best_pieces(log_probabilities, window)
        assert all(is_allowed(piece, window) for piece in best)
        score = total(log_probabilities, best)
        assert score >= total(log_probabilities, [])
        for other in range(30):
            steps = random_target(window, random.Random(other), longest=20)
            pieces = shown(CODEC.decode(steps), 150)
            assert total(log_probabilities, pieces) <= score + 1e-9


@pytest.mark.parametrize(
    ("genome", "window", "windows", "least"),
    [
        ("mycoplasma_mycoides", 9000, 1, 1.0),
        ("saccharomyces_cerevisiae", 9000, 2, 1.0),
        if_shared("bacteria/streptococcus_pyogenes_M1_GAS_NC_002737", 20_000, 9, 0.99),
        if_shared("fungi/saccharomyces_cerevisiae_S288C_7chr", 20_000, 2, 0.97),
    ],
)
def test_genes_of_real_windows_come_back_from_their_labels(genome, window, windows, least):
    sequences = sequences_of(genome_file(genome, "fa"))
    lengths = {name: len(sequence) for name, sequence in sequences.items()}
    genes, _ = read_genes([str(genome_file(genome, "gff"))], lengths)
    wanted, back = Counter(), Counter()
    for name, sequence in sequences.items():
        of_contig = ContigGenes([gene for gene in genes if gene.contig == name])
        starts = range(0, lengths[name], window)
        for start in random.Random(0).sample(starts, min(windows, len(starts))):
            letters = sequence[start : start + window].upper()
            seen = Window(letters, code_of(genome), Rules())
            pieces = [
                piece
                for piece in window_pieces(of_contig, start, start + len(letters))
                if piece.biotype == "CDS" and is_allowed(piece, seen)
            ]
            found, _ = best_pieces(certain(labels(pieces, len(letters))), seen)
            wanted.update(pieces)
            back.update(found)
    right = (wanted & back).total()
    assert right >= least * max(wanted.total(), back.total())
