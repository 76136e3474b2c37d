import gzip
import os

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqs_data import letters, stored

from seqloom.calls.regions import viral_regions, write_bed, write_gff3, write_viral
from seqloom.seqs.genome import open_genome


def window_rows(probabilities, contig="c", step=200, numbers=None):
    """Windows of 300 bp with these probabilities; None is a window without a frame."""
    numbers = numbers or range(1, len(probabilities) + 1)
    return pd.DataFrame(
        {
            "contig": contig,
            "window": numbers,
            "start": [step * (n - 1) for n in numbers],
            "end": [step * (n - 1) + 300 for n in numbers],
            "frames": [0 if p is None else 1 for p in probabilities],
            "probability": pd.Series(probabilities, dtype="float64"),
        }
    )


def spans(windows):
    return viral_regions(windows)[["contig", "start", "end", "windows"]].to_numpy().tolist()


def test_adjacent_viral_windows_are_one_region():
    assert spans(window_rows([0.9, 0.8, 0.1, 0.2, 0.7])) == [["c", 0, 500, 2], ["c", 800, 1100, 1]]
    assert viral_regions(window_rows([0.9, 0.8]))["probability"].tolist() == [pytest.approx(0.85)]


def test_a_probability_of_one_half_is_not_viral():
    assert spans(window_rows([0.5, 0.5])) == []


def test_a_window_without_a_frame_does_not_end_or_extend_a_region():
    assert spans(window_rows([None, 0.9, None, 0.9, None])) == [["c", 200, 900, 2]]
    assert spans(window_rows([0.9, None, 0.1, None, 0.9])) == [
        ["c", 0, 300, 1],
        ["c", 800, 1100, 1],
    ]


def test_windows_that_were_not_read_end_a_region():
    windows = window_rows([0.9, 0.9, 0.9], numbers=[1, 2, 9])
    assert spans(windows) == [["c", 0, 500, 2], ["c", 1600, 1900, 1]]


def test_a_region_ends_with_its_contig():
    windows = pd.concat([window_rows([0.1, 0.9], "a"), window_rows([0.9, 0.9], "b")])
    assert spans(windows) == [["a", 200, 500, 1], ["b", 0, 500, 2]]
    # Window numbers continue as if it were one contig: 1, 2 | 3.
    windows = pd.concat([window_rows([0.9, 0.9], "a"), window_rows([0.9], "b", numbers=[3])])
    assert spans(windows) == [["a", 0, 500, 2], ["b", 400, 700, 1]]


@given(st.lists(st.sampled_from([0.1, 0.9, None]), max_size=12))
def test_regions_contain_each_viral_window_once_and_no_host_window(probabilities):
    regions = viral_regions(window_rows(probabilities, step=300))
    covered = [
        sum(r.start <= 300 * i < r.end for r in regions.itertuples())
        for i in range(len(probabilities))
    ]
    for p, count in zip(probabilities, covered, strict=True):
        assert p is None or count == (p == 0.9)
    assert regions["windows"].sum() == probabilities.count(0.9)


REGIONS = pd.DataFrame(
    {
        "contig": ["a;b", "a;b", "k99_1|x"],
        "start": [0, 800, 10],
        "end": [500, 1100, 310],
        "windows": [2, 1, 1],
        "probability": [0.85, 0.7, 1.0],
    }
)


def test_gff3_is_one_based_closed_and_escaped(tmp_path):
    write_gff3(tmp_path / "r.gff3", REGIONS, {"a;b": 1100, "k99_1|x": 400, "other": 5})
    assert (tmp_path / "r.gff3").read_text().splitlines() == [
        "##gff-version 3",
        "##sequence-region a%3Bb 1 1100",
        "##sequence-region k99_1|x 1 400",
        "a%3Bb\tseqloom\tviral_sequence\t1\t500\t0.8500\t.\t.\tID=region_1;windows=2",
        "a%3Bb\tseqloom\tviral_sequence\t801\t1100\t0.7000\t.\t.\tID=region_2;windows=1",
        "k99_1|x\tseqloom\tviral_sequence\t11\t310\t1.0000\t.\t.\tID=region_3;windows=1",
    ]


def test_bed_is_zero_based_and_half_open(tmp_path):
    write_bed(tmp_path / "r.bed", REGIONS)
    assert (tmp_path / "r.bed").read_text().splitlines() == [
        "a;b\t0\t500\tregion_1\t850\t.",
        "a;b\t800\t1100\tregion_2\t700\t.",
        "k99_1|x\t10\t310\tregion_3\t1000\t.",
    ]


def test_files_without_regions_are_valid(tmp_path):
    nothing = viral_regions(window_rows([]))
    write_gff3(tmp_path / "r.gff3", nothing, {})
    write_bed(tmp_path / "r.bed", nothing)
    assert (tmp_path / "r.gff3").read_text() == "##gff-version 3\n"
    assert (tmp_path / "r.bed").read_text() == ""


CONTIGS = {
    "a": letters(1, 150_000),
    "host": b"TTTT",
    "empty": b"",
    "k99_1|x:3-9/b": letters(2, 81),
    "c": letters(3, 80),
}
BGZIP_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def viral_fasta(folder, headers, name="viral.fna.gz"):
    write_viral(folder / name, open_genome(folder / "g.fa.gz"), headers)
    return (folder / name).read_bytes()


def test_viral_contigs_keep_header_and_bases_with_reproducible_bytes(tmp_path):
    stored(tmp_path, CONTIGS)
    headers = {"a": "a first", "k99_1|x:3-9/b": "k99_1|x:3-9/b Küste, µ", "c": "c"}
    packed = viral_fasta(tmp_path, headers)
    assert packed == viral_fasta(tmp_path, headers, "again.fna.gz")
    assert packed.endswith(BGZIP_END)
    text = gzip.decompress(packed).decode()
    assert max(map(len, text.splitlines())) == 80
    records = [record.split("\n", 1) for record in text.split(">")[1:]]
    assert {header: letters.replace("\n", "").encode() for header, letters in records} == {
        header: CONTIGS[name] for name, header in headers.items()
    }
    assert [header for header, _ in records] == list(headers.values())


def test_without_a_viral_contig_the_fasta_is_empty_bgzip(tmp_path):
    stored(tmp_path, CONTIGS)
    assert viral_fasta(tmp_path, {}) == BGZIP_END


def test_an_index_older_than_its_genome_is_used_and_left_alone(tmp_path):
    indexes = stored(tmp_path, CONTIGS)[1:3]
    for index in indexes:
        os.utime(index, (0, 0))
    assert gzip.decompress(viral_fasta(tmp_path, {"host": "host"})) == b">host\nTTTT\n"
    assert [index.stat().st_mtime for index in indexes] == [0, 0]
