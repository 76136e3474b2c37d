"""Windows of contigs for annotation."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from seqloom.annotate.windows import sliding_windows, windows_between_genes
from seqloom.seqs.genes import Exon, Gene, Transcript


def gene(start: int, end: int) -> Gene:
    return Gene("g", "c", "+", "CDS", (Transcript("t", (Exon(start, end, 0),)),))


def test_a_window_ends_in_the_middle_of_the_last_gap():
    genes = [gene(10, 60), gene(70, 90), gene(95, 130)]
    assert windows_between_genes(0, 150, genes, 100) == [(0, 92), (92, 150)]


def test_a_gene_longer_than_a_window_is_cut_at_the_limit():
    assert windows_between_genes(0, 250, [gene(5, 240)], 100) == [(0, 100), (100, 200), (200, 250)]


spans = st.lists(st.tuples(st.integers(0, 990), st.integers(1, 120)), max_size=12)


@given(st.integers(1, 1000), spans, st.integers(2, 300))
def test_windows_cover_a_contig_once_and_cut_a_gene_only_where_no_gap_is(length, spans, limit):
    genes = [gene(start, min(start + size, length)) for start, size in spans if start < length]
    windows = windows_between_genes(0, length, genes, limit)
    assert windows[0][0] == 0 and windows[-1][1] == length
    assert all(before[1] == after[0] for before, after in pairwise(windows))
    assert all(0 < end - start <= limit for start, end in windows)
    for start, end in windows[:-1]:
        inside = [base for base in range(start + limit // 2 + 1, start + limit + 1)]
        free = [base for base in inside if not any(gene.start < base < gene.end for gene in genes)]
        assert end in free if free else end == start + limit


@given(st.integers(1, 5000), st.integers(1, 900), st.integers(1, 900))
def test_sliding_windows_reach_both_ends(length, size, step):
    step = min(step, size)
    windows = sliding_windows(0, length, size, step)
    assert windows[0][0] == 0 and windows[-1][1] == length
    assert all(after[0] - before[0] == step for before, after in pairwise(windows))
    assert all(before[1] < length for before in windows[:-1])
    assert all(after[0] <= before[1] for before, after in pairwise(windows))
