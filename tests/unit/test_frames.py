"""Six-frame reading, compared with Biopython and with the published program."""

from dataclasses import replace

import numpy as np
import pytest
from Bio.Data.CodonTable import unambiguous_dna_by_id
from Bio.Seq import reverse_complement, translate
from facts import virnucpro
from hypothesis import given
from hypothesis import strategies as st

from seqloom.config.cut import Cut
from seqloom.errors import InputError
from seqloom.seqs.frames import FRAMES, STATUSES, codon_table, read_frames, sequences, window_status
from seqloom.seqs.windows import Batch

OPEN = Cut()
LEGACY = Cut(scheme="virnucpro", frames="virnucpro")
LONGEST = Cut(frames="longest_orf", min_codons=3)
CAPPED = Cut(max_per_window=2)

# Few stops, so that open frames are common; some ambiguous letters.
windows = st.text(st.sampled_from("AACCCCGGGGTTNR"), min_size=1, max_size=70)
clear_windows = st.text(st.sampled_from("ACCCGGGT"), min_size=1, max_size=70)


def batch_of(bases, starts, ends):
    starts, ends, numbers = np.array(starts), np.array(ends), np.arange(len(starts))
    return Batch(bases.encode(), starts, numbers, np.zeros_like(starts), numbers, starts, ends)


def kept(window, cut, genetic_code=11):
    """{frame: (nucleotides, protein)} of one window."""
    batch = batch_of(window, [0], [len(window)])
    frames = read_frames(batch, cut, genetic_code)
    return kept_of(batch, frames, 0, cut, genetic_code)


def kept_of(batch, frames, row, cut, genetic_code):
    found = np.flatnonzero(frames.kept[row])
    texts = sequences(batch, frames, np.full(len(found), row), found, cut, genetic_code)
    return {
        FRAMES[f]: (bases.decode(), protein.decode())
        for f, bases, protein in zip(found, *texts, strict=True)
    }


def status(window, cut=OPEN):
    return status_of(read_frames(batch_of(window, [0], [len(window)]), cut, 11))


def status_of(frames):
    return STATUSES[window_status(frames, frames.kept)[0]]


def expected(window, max_ambiguous, genetic_code=11):
    """The rule `open`, codon by codon with Biopython."""
    found = {}
    for strand, text in (("F", window), ("R", reverse_complement(window))):
        for k in range(3):
            codons = [text[i : i + 3] for i in range(k, len(text) - 2, 3)]
            protein = "".join(
                translate(c, table=genetic_code) if set(c) <= set("ACGT") else "X" for c in codons
            )
            if not protein or "*" in protein or protein.count("X") / len(protein) > max_ambiguous:
                continue
            found[f"{strand}{k + 1}"] = ("".join(codons), protein)
    return found


def test_virnucpro_frames_equal_those_of_the_published_program():
    for case in virnucpro()["frames"]:
        golden = {
            frame["frame"]: (frame["nucleotide"], frame["protein"])
            for frame in case["kept"]
            if frame["written"]
        }
        assert kept(case["seq"].upper(), LEGACY, genetic_code=1) == golden, case["name"]


@pytest.mark.filterwarnings("ignore:This table contains")
@pytest.mark.parametrize("genetic_code", sorted(unambiguous_dna_by_id))
def test_codons_of_all_codes_are_translated_as_by_biopython(genetic_code):
    codons = [a + b + c for a in "ACGTN" for b in "ACGTN" for c in "ACGTN"]
    table = codon_table(genetic_code)
    for codon, letter in zip(codons, table.tobytes().decode(), strict=True):
        want = "X" if "N" in codon else translate(codon, table=genetic_code)
        assert letter == want, codon


@given(windows, st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.sampled_from([1, 4, 11]))
def test_open_frames_equal_those_of_a_plain_loop(window, max_ambiguous, genetic_code):
    cut = Cut(max_ambiguous=max_ambiguous)
    assert kept(window, cut, genetic_code) == expected(window, max_ambiguous, genetic_code)


def stretches(window, genetic_code):
    """{(frame, codons before it): protein} of every stretch between stops, codon by codon."""
    found = {}
    for strand, text in (("F", window), ("R", reverse_complement(window))):
        for k in range(3):
            codons = [text[i : i + 3] for i in range(k, len(text) - 2, 3)]
            protein = "".join(
                translate(c, table=genetic_code) if set(c) <= set("ACGT") else "X" for c in codons
            )
            begin = 0
            for part in protein.split("*"):
                found[f"{strand}{k + 1}", begin] = part
                begin += len(part) + 1
    return found


@given(
    st.text(st.sampled_from("AACCGGTTTN"), min_size=1, max_size=150),
    st.integers(1, 12),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.sampled_from([1, 4, 11]),
)
def test_the_longest_orf_is_the_longest_of_all_stretches(window, least, max_ambiguous, code):
    cut = Cut(frames="longest_orf", min_codons=least, max_ambiguous=max_ambiguous)
    long = {w: p for w, p in stretches(window, code).items() if len(p) >= least}
    clear = {w: p for w, p in long.items() if p.count("X") / len(p) <= max_ambiguous}
    batch = batch_of(window, [0], [len(window)])
    frames = read_frames(batch, cut, code)
    found = kept_of(batch, frames, 0, cut, code)
    assert len(found) == bool(clear)
    for name, (nucleotides, protein) in found.items():
        assert len(protein) == max(map(len, clear.values()))
        text = window if name[0] == "F" else reverse_complement(window)
        begins = [w[1] for w, p in clear.items() if w[0] == name and p == protein]
        shift = int(name[1]) - 1
        assert any(text[shift + 3 * b :].startswith(nucleotides) for b in begins)
        assert len(nucleotides) == 3 * len(protein)
    why = "ok" if clear else "ambiguous" if long else "no_open_frame"
    assert status_of(frames) == why


@given(windows, st.integers(1, 6))
def test_max_per_window_keeps_the_longest_frames(window, most):
    everything, found = kept(window, OPEN), kept(window, Cut(max_per_window=most))
    assert found.items() <= everything.items()
    assert len(found) == min(most, len(everything))
    left_out = [len(everything[name][1]) for name in everything.keys() - found.keys()]
    assert min([len(p) for _, p in found.values()], default=0) >= max(left_out, default=0)


@pytest.mark.parametrize("cut", [Cut(max_per_window=1), Cut(frames="longest_orf")])
def test_ties_are_broken_equally_often_for_both_strands(cut):
    # 302 bases: all six frames have 100 codons.
    batch = batch_of("GCC" * 100 + "GC", [0] * 3000, [302] * 3000)
    kept = read_frames(batch, cut, 11).kept
    assert kept.sum(axis=1).tolist() == [1] * 3000
    assert (abs(kept.sum(axis=0) - 500) < 100).all()


@given(windows)
def test_the_reverse_complement_gives_the_same_frames_under_the_other_names(window):
    swap = str.maketrans("FR", "RF")
    turned = {name.translate(swap): texts for name, texts in kept(window, OPEN).items()}
    assert kept(reverse_complement(window), OPEN) == turned


@given(windows, st.sampled_from([OPEN, LEGACY, LONGEST, CAPPED]), st.data())
def test_the_frames_of_a_window_do_not_depend_on_its_batch(window, cut, data):
    bases = data.draw(clear_windows) + window + data.draw(clear_windows)
    first = bases.index(window)
    others = data.draw(st.lists(st.integers(0, len(bases) - 1), max_size=3))
    starts, ends = [*others, first], [*[len(bases)] * len(others), first + len(window)]
    batch = batch_of(bases, starts, ends)
    # Ties are broken by the number of a window, so it is the first here as when alone.
    batch = replace(batch, number=np.zeros_like(batch.number))
    frames = read_frames(batch, cut, 11)
    assert kept_of(batch, frames, len(others), cut, 11) == kept(window, cut)


@given(clear_windows)
def test_nucleotides_are_three_per_residue_in_open_frames(window):
    for nucleotides, protein in kept(window, OPEN).values():
        assert len(nucleotides) == 3 * len(protein)


def test_clean_windows_give_the_known_lengths():
    window = "GCC" * 100
    assert [len(n) for n, _ in kept(window, LEGACY).values()] == [300, 298, 298] * 2
    assert [len(p) for _, p in kept(window, LEGACY).values()] == [100, 99, 99] * 2
    assert [len(n) for n, _ in kept(window, OPEN).values()] == [300, 297, 297] * 2


def test_a_frame_with_exactly_the_highest_share_of_x_is_kept():
    window = "NNN" * 29 + "GCC" * 71
    assert "F1" in kept(window, Cut(max_ambiguous=0.29))
    assert "F1" not in kept(window, Cut(max_ambiguous=0.28))


def test_the_reverse_strand_complements_ambiguous_letters_in_open_frames_only():
    assert kept("GCCRCCGCC" * 2, Cut(max_ambiguous=1.0))["R1"][0] == "GGCGGYGGC" * 2
    assert kept("GCCRCCGCC" * 2, LEGACY)["R1"][0] == "GGCGGRGGCGGCG"


@pytest.mark.parametrize(
    ("window", "cut", "expected_status"),
    [
        ("GCC" * 5, OPEN, "ok"),
        ("TAATTAACTAGTTAGTTAATCAACTAACTAG", OPEN, "no_open_frame"),
        ("TAATTAACTAGTTAGTTAATCAACTAACTAG", LEGACY, "no_open_frame"),
        ("N" * 30, OPEN, "ambiguous"),
        ("N" * 30, LEGACY, "ambiguous"),
        ("AC", OPEN, "no_open_frame"),
        ("A", OPEN, "no_open_frame"),
    ],
)
def test_a_window_without_a_frame_has_a_reason(window, cut, expected_status):
    assert status(window, cut) == expected_status


def test_an_unknown_genetic_code_gives_one_sentence():
    with pytest.raises(InputError, match=r"^genetic code 7 does not exist; choose one of 1, 2, 3"):
        codon_table(7)
