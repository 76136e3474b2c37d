"""Targets of windows: tokens, positions, text, and genes cut at the edges of windows."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqloom.annotate.codec import Codec, Piece, from_text, to_text
from seqloom.annotate.pieces import cut, join
from seqloom.errors import InputError
from seqloom.seqs.genes import Exon, Gene, Transcript

CODEC = Codec(("CDS", "tRNA"), first_id=4096)


def gene(strand: str, *exons: tuple, biotype: str = "CDS", **more) -> Gene:
    transcript = Transcript("t", tuple(Exon(*exon) for exon in exons))
    return Gene("g", "c", strand, biotype, (transcript,), **more)


def test_a_target_reads_as_the_specification_writes_it():
    piece = cut(gene("+", (10100, 10200, 0), (10500, 10802, 2)), 10000, 19000)
    text = "<bos> <gene> <+> <cds> <exon> 100 200 <p0> <exon> 500 802 <p2> <eos>"
    assert to_text(CODEC.encode([piece])) == text
    assert CODEC.decode(from_text(text)) == [piece]


def test_ids_follow_those_of_the_dna_tokenizer():
    tokens, positions = CODEC.to_arrays(from_text("<bos> <gene> <-> <trna> <exon> 0 7 <p.> <eos>"))
    assert tokens.tolist() == [4096, 4098, 4103, 4109, 4099, -1, -1, 4107, 4097]
    assert positions.tolist() == [-1, -1, -1, -1, -1, 0, 7, -1, -1]


@pytest.mark.parametrize(
    ("strand", "left_phase", "right_phase"), [("+", 0, 1), ("-", 2, 0)], ids=["forward", "reverse"]
)
def test_an_exon_cut_by_an_edge_keeps_its_reading_frame(strand, left_phase, right_phase):
    whole = gene(strand, (100, 130, 0))
    left, right = cut(whole, 0, 105), cut(whole, 105, 200)
    assert left == Piece(strand, "CDS", (Exon(100, 105, left_phase),), cut_right=True)
    assert right == Piece(strand, "CDS", (Exon(0, 25, right_phase),), cut_left=True)
    (joined,) = join([(0, [left]), (105, [right])], "c")
    assert joined.canonical.exons == whole.canonical.exons
    assert not joined.partial_left and not joined.partial_right


def test_a_gene_whose_intron_fills_a_window_is_joined_across_it():
    whole = gene("+", (10, 20, 0), (90, 100, 2))
    windows = [(start, [cut(whole, start, start + 30)]) for start in (0, 30, 60)]
    assert windows[1] == (30, [None])
    (joined,) = join([(0, windows[0][1]), (30, []), (60, [cut(whole, 60, 120)])], "c")
    assert joined.canonical.exons == whole.canonical.exons


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<gene>", "step 1: <bos> is expected, but found <gene>"),
        ("<bos> <gene> <+> <cds> <eos>", "step 5: <exon> is expected, but found <eos>"),
        ("<bos> <gene> <+> <exon>", "step 4: one of <cds> <trna> is expected, but found <exon>"),
        ("<bos> <gene> <+> <cds> <exon> 4 <p0>", "step 7: a position is expected"),
        ("<bos> <gene> <+> <cds> <exon> 4 9", "step 8: one of <p0> .* but found the end"),
        ("<bos> <eos> <eos>", "step 3: the end is expected, but found <eos>"),
    ],
)
def test_a_broken_target_names_the_first_wrong_step(text, message):
    with pytest.raises(InputError, match=message):
        CODEC.decode(from_text(text))


@st.composite
def genes(draw) -> list[Gene]:
    """Genes of any strand, nested and overlapping, on 3,000 bases."""
    found = []
    for number in range(draw(st.integers(0, 6))):
        bounds = draw(st.lists(st.integers(0, 3000), min_size=2, max_size=12, unique=True))
        bounds = sorted(bounds)[: len(bounds) // 2 * 2]
        strand, coding = draw(st.sampled_from("+-")), draw(st.booleans())
        lengths = [end - start for start, end in zip(bounds[::2], bounds[1::2], strict=True)]
        phases, phase = [], 0
        for length in lengths if strand == "+" else lengths[::-1]:
            phases.append(phase if coding else None)
            phase = (phase - length) % 3
        exons = zip(
            bounds[::2], bounds[1::2], phases if strand == "+" else phases[::-1], strict=True
        )
        found.append(
            Gene(
                f"g{number}",
                "c",
                strand,
                "CDS" if coding else "tRNA",
                (Transcript(f"t{number}", tuple(Exon(*exon) for exon in exons)),),
            )
        )
    return found


@given(genes())
def test_any_genes_come_back_from_ids_and_text(truth):
    pieces = [cut(gene, 0, 3000) for gene in truth]
    steps = CODEC.encode(pieces)
    assert from_text(to_text(steps)) == steps
    assert CODEC.from_arrays(*CODEC.to_arrays(steps)) == steps
    assert sorted(CODEC.decode(steps), key=repr) == sorted(pieces, key=repr)


@given(genes(), st.lists(st.integers(1, 2999), max_size=3, unique=True))
def test_a_gene_alone_comes_back_from_windows_cut_anywhere(truth, edges):
    edges = [0, *sorted(edges), 3000]
    for gene in truth:
        windows = []
        for start, end in pairwise(edges):
            pieces = [piece for piece in [cut(gene, start, end)] if piece]
            windows.append((start, CODEC.decode(CODEC.encode(pieces))))
        (joined,) = join(windows, "c")
        assert joined.canonical.exons == gene.canonical.exons
        assert (joined.strand, joined.biotype) == (gene.strand, gene.biotype)
