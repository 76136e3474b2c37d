"""Predicted genes against annotated ones, by hand and against a slow second implementation."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqloom.annotate.scores import Counts, compare
from seqloom.seqs.genes import Exon, Gene, Transcript


def gene(*isoforms: list[tuple[int, int]], strand: str = "+", contig: str = "c") -> Gene:
    transcripts = tuple(
        Transcript(f"t{number}", tuple(Exon(start, end, 0) for start, end in isoform))
        for number, isoform in enumerate(isoforms)
    )
    return Gene("g", contig, strand, "CDS", transcripts)


TWO_EXONS = gene([(10, 20), (30, 60)])
TWO_ISOFORMS = gene([(10, 20), (30, 60)], [(10, 20), (40, 60), (80, 90)])


def f1s(annotated: list[Gene], predicted: list[Gene]) -> dict[str, float]:
    return {level: counts.f1 for level, counts in compare(annotated, predicted).items()}


@pytest.mark.parametrize("genes", [[TWO_EXONS], [TWO_ISOFORMS], [TWO_EXONS, gene([(15, 18)])]])
def test_the_truth_itself_is_right_at_every_level(genes):
    assert set(f1s(genes, genes).values()) == {1.0}


@pytest.mark.parametrize("isoform", TWO_ISOFORMS.transcripts, ids=["first", "second"])
def test_one_right_isoform_is_enough(isoform):
    predicted = gene([exon[:2] for exon in isoform.exons])
    assert set(f1s([TWO_ISOFORMS], [predicted]).values()) == {1.0}


def test_the_other_strand_and_another_contig_are_wrong_at_every_level():
    for wrong in (gene([(10, 20), (30, 60)], strand="-"), gene([(10, 20), (30, 60)], contig="d")):
        assert set(f1s([TWO_EXONS], [wrong]).values()) == {0.0}


def test_one_base_too_many_is_seen_by_the_strict_levels_alone():
    counts = compare([TWO_EXONS], [gene([(10, 21), (30, 60)])])
    assert (counts["base"].right, counts["base"].predicted, counts["base"].found) == (40, 41, 40)
    assert (counts["exon"].right, counts["exon"].found, counts["exon"].f1) == (1, 1, 0.5)
    assert counts["exon_within_10"].f1 == 1
    assert counts["gene"].f1 == 0
    assert counts["gene_end"].f1 == 1


def test_the_end_of_a_reverse_gene_is_its_left():
    truth, shifted = gene([(10, 40)], strand="-"), gene([(10, 70)], strand="-")
    assert compare([truth], [shifted])["gene_end"].f1 == 1
    assert compare([truth], [gene([(4, 40)], strand="-")])["gene_end"].f1 == 0


def test_the_same_gene_predicted_twice_is_right_once():
    counts = compare([TWO_EXONS], [TWO_EXONS, TWO_EXONS])["gene"]
    assert (counts.predicted, counts.right, counts.annotated, counts.found) == (2, 1, 1, 1)


def test_nothing_predicted_scores_0_and_nothing_annotated_has_no_score():
    assert set(f1s([TWO_EXONS], []).values()) == {0.0}
    assert all(math.isnan(f1) for f1 in f1s([], [TWO_EXONS]).values())


def bases_of(isoform: Transcript) -> set[int]:
    return {base for start, end, _ in isoform.exons for base in range(start, end)}


def slow_compare(annotated: list[Gene], predicted: list[Gene]) -> dict[str, Counts]:
    """The levels base, exon and gene as sets, strand by strand."""
    totals = {level: Counts() for level in ("base", "exon", "gene")}
    for strand in "+-":
        known = [gene for gene in annotated if gene.strand == strand]
        guesses = [gene for gene in predicted if gene.strand == strand]
        for level, parts in (("base", bases_of), ("exon", lambda isoform: set(isoform.exons))):
            found = set().union(*(parts(t) for gene in guesses for t in gene.transcripts))
            union = set().union(*(parts(t) for gene in known for t in gene.transcripts))
            best = [
                max(
                    (parts(t) for t in gene.transcripts),
                    key=lambda s, found=found: (2 * len(s & found) - len(s), len(s & found)),
                )
                for gene in known
            ]
            wanted = sum(map(len, best)), sum(len(part & found) for part in best)
            if level == "base":
                wanted = len(set().union(*best)), len(set().union(*best) & found)
            totals[level] += Counts(len(found), len(found & union), *wanted)
        taken = []
        for guess in guesses:
            wanted = {transcript.exons for transcript in guess.transcripts}
            for number, truth in enumerate(known):
                if number not in taken and wanted & {t.exons for t in truth.transcripts}:
                    taken.append(number)
                    break
        totals["gene"] += Counts(len(guesses), len(taken), len(known), len(taken))
    return totals


@st.composite
def some_genes(draw) -> list[Gene]:
    def isoform() -> list[tuple[int, int]]:
        bounds = sorted(draw(st.lists(st.integers(0, 24), min_size=2, max_size=6, unique=True)))
        return list(zip(bounds[::2], bounds[1::2], strict=False))

    return [
        gene(
            *(isoform() for _ in range(draw(st.integers(1, 3)))), strand=draw(st.sampled_from("+-"))
        )
        for _ in range(draw(st.integers(0, 4)))
    ]


@given(some_genes(), some_genes())
def test_counts_are_those_of_a_slow_second_implementation(annotated, predicted):
    counts = compare(annotated, predicted)
    for level, slow in slow_compare(annotated, predicted).items():
        assert counts[level] == slow, level
