"""Viral regions and their files, on simulated scores of windows whose truth is known."""

import csv
import gzip
import os
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import norm
from seqs_data import letters, stored

from seqloom.calls.hmm import Chain
from seqloom.calls.region_files import (
    write_bed,
    write_contigs_fasta,
    write_gff3,
    write_regions_fasta,
)
from seqloom.calls.regions import viral_regions, with_regions
from seqloom.files.tables import open_tsv, write_tsv
from seqloom.learn.calibration import fit_calibration
from seqloom.learn.scores import IDENTITY
from seqloom.seqs.genome import open_genome

CHAIN = Chain(length=20000, share=0.02)
PLAIN = {"frame": IDENTITY, "contig": IDENTITY}
WINDOW = 300


def window_rows(logits, contig="c", step=WINDOW):
    """Windows of 300 bp with these log-odds; None is a window without a frame."""
    logit = pd.Series(logits, dtype="float64")
    start = step * np.arange(len(logits))
    table = pd.DataFrame({"contig": contig, "start": start, "end": start + WINDOW, "logit": logit})
    return table.assign(
        window=np.arange(len(logits)) + 1, probability=expit(logit), new=step / WINDOW
    )


def regions_of(windows, calibration=PLAIN, chain=CHAIN):
    lengths = windows.groupby("contig", sort=False)["end"].max()
    return viral_regions(windows, calibration, lengths, chain)


def places(windows, **settings):
    return regions_of(windows, **settings)["region"].tolist()


def test_a_region_holds_against_a_few_host_windows_and_ends_with_many():
    assert places(window_rows([-3] * 20 + [3] * 20 + [-2] * 2 + [3] * 20 + [-3] * 20)) == [
        "c:6001-18600"
    ]
    assert places(window_rows([-3] * 20 + [3] * 20 + [-3] * 9 + [3] * 20 + [-3] * 20)) == [
        "c:6001-12000",
        "c:14701-20700",
    ]


def test_a_few_viral_windows_are_no_region():
    assert places(window_rows([-3] * 20 + [3] * 3 + [-3] * 20)) == []


def test_a_region_begins_and_ends_with_scored_windows_and_contains_others():
    viral = [None, None, 3, None, None, 3, 3, 3, 3, 3, None]
    assert places(window_rows([-3, -3, *viral, -3, -3])) == ["c:1201-3600"]
    [region] = regions_of(window_rows(viral)).itertuples()
    assert (region.start, region.end, region.windows) == (600, 3000, 6)
    assert (region.edge, region.left_flank, region.right_flank) == ("both", 600, 300)


def test_windows_that_overlap_share_their_evidence():
    # 6 windows of 2 decide for viral at the start of a contig; half covered they decide as 3.
    assert places(window_rows([2] * 6 + [-3] * 20)) == ["c:1-1800"]
    assert places(window_rows([2] * 6 + [-3] * 20, step=WINDOW // 2)) == []


def test_neighbors_that_resemble_each_other_share_their_evidence():
    alike = {"frame": IDENTITY | {"correlation": 0.5}, "contig": IDENTITY}
    assert places(window_rows([2] * 6 + [-3] * 20), calibration=alike) == []
    assert places(window_rows([2] * 18 + [-3] * 20), calibration=alike) == ["c:1-5400"]


def test_the_edges_and_flanks_of_regions():
    windows = [
        window_rows([3] * 20, "whole"),
        window_rows([3] * 20 + [-3] * 20, "left"),
        window_rows([-3] * 20 + [3] * 20, "right"),
        window_rows([-3] * 20 + [3] * 20 + [-3] * 30, "inside"),
        window_rows([-3] * 20, "host"),
    ]
    table = regions_of(pd.concat(windows)).set_index("contig")
    assert table["edge"].to_dict() == {
        "whole": "both",
        "left": "left",
        "right": "right",
        "inside": "none",
    }
    assert table["left_flank"].tolist() == [0, 0, 6000, 6000]
    assert table["right_flank"].tolist() == [0, 6000, 0, 9000]
    assert (table["length"] == 6000).all() and (table["viral_windows"] == 20).all()
    # Entering and leaving a region costs as much as beginning and ending with it.
    scores = regions_of(
        pd.concat([window_rows([1] * 9 + [-9] * 9), window_rows([-9] * 9 + [1] * 9, "d")])
    )
    assert scores["score"].iloc[0] == pytest.approx(scores["score"].iloc[1], abs=1e-5)
    assert 0.5 < scores["score"].iloc[0] < 0.9


def test_a_region_has_the_probability_of_a_contig_of_its_windows():
    calibration = {"frame": IDENTITY, "contig": IDENTITY | {"k": 10.0, "slope": 0.5}}
    [region] = regions_of(window_rows([-3] * 20 + [3] * 20), calibration).itertuples()
    assert region.probability == pytest.approx(expit(0.5 * 20 / 30 * 3))
    assert region.score > 0.999


def test_the_regions_of_a_contig_do_not_depend_on_others():
    rng = np.random.default_rng(0)
    contigs = {
        f"c{i}": window_rows(rng.normal(0, 3, rng.integers(1, 200)), f"c{i}") for i in range(20)
    }
    alone = pd.concat([regions_of(windows) for windows in contigs.values()], ignore_index=True)
    together = regions_of(pd.concat(contigs.values()))
    assert len(alone) > 9
    pd.testing.assert_frame_equal(alone, together, check_exact=True)


ODD_NAMES = ["NA", "-", '"a"', "x;y=1,2%", "k99|c:3-9/b", "#c", ">c", "1e5", "\u00b5", "a'b"]


def test_equal_contigs_have_equal_regions_whatever_their_names(tmp_path):
    windows = window_rows([-3] * 20 + [3] * 20)
    table = regions_of(pd.concat([windows.assign(contig=name) for name in ODD_NAMES]))
    assert table["contig"].tolist() == ODD_NAMES
    assert table["region"].tolist() == [f"{name}:6001-12000" for name in ODD_NAMES]
    assert len(table.drop(columns=["region", "contig"]).drop_duplicates()) == 1
    write_tsv(tmp_path / "r.tsv", table)
    with open_tsv(tmp_path / "r.tsv", "region") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [row["contig"] for row in rows] == ODD_NAMES
    write_gff3(tmp_path / "r.gff3", table, dict.fromkeys(ODD_NAMES, 12000))
    lines = (tmp_path / "r.gff3").read_text().splitlines()[1 + len(ODD_NAMES) :]
    assert [unquote(line.split("\t")[0]) for line in lines] == ODD_NAMES
    assert all(line.count(";") == 3 and line[0] not in "#>" for line in lines)


def simulated(seed, contigs, kilobases, planted=None, auroc=0.9, correlation=0.5):
    """Windows of host contigs, a fifth without a frame, and where a virus of 15-40 kb is planted.

    Scores of a label are normal, resemble their neighbors, and separate the labels by `auroc`. They
    are not calibrated.
    """
    rng = np.random.default_rng(seed)
    count = kilobases * 1000 // WINDOW
    noise = rng.normal(size=(contigs, count))
    for i in range(1, count):
        noise[:, i] = correlation * noise[:, i - 1] + np.sqrt(1 - correlation**2) * noise[:, i]
    begin = np.zeros(contigs, int)
    end = np.full(contigs, 0 if planted is None else count)
    if planted == "inside":
        size = rng.integers(15000 // WINDOW, 40000 // WINDOW + 1, contigs)
        begin = rng.integers(0, count - size)
        end = begin + size
    number = np.arange(count)
    viral = (number >= begin[:, None]) & (number < end[:, None])
    score = 3 * (noise + np.sqrt(2) * norm.ppf(auroc) * viral) + 1
    score[rng.random(score.shape) < 0.2] = np.nan
    names = [f"{planted}{i}" for i in range(contigs)]
    rows = window_rows(score.ravel(), np.repeat(names, count)).assign(
        window=np.tile(number, contigs), start=np.tile(WINDOW * number, contigs)
    )
    truth = pd.DataFrame({"start": WINDOW * begin, "end": WINDOW * end}, index=names)
    return rows.assign(end=rows["start"] + WINDOW), truth


@pytest.fixture(scope="module")
def fitted():
    """The calibration of such scores by a validation part of 200 contigs."""
    parts = [simulated(1, 100, 30), simulated(2, 100, 30, "whole")]
    table = pd.concat([windows for windows, _ in parts]).dropna(subset="logit")
    viral = table["contig"].str.startswith("whole")
    table = table.assign(sample="s", group=table["contig"], label=np.where(viral, "viral", "host"))
    return fit_calibration(table.drop(columns="probability"))


def test_planted_viruses_are_found_whole(fitted):
    windows, truth = simulated(3, 200, 200, "inside")
    regions = regions_of(windows, fitted)
    planted = truth.loc[regions["contig"]].reset_index(drop=True)
    shared = np.minimum(regions["end"], planted["end"]) - np.maximum(
        regions["start"], planted["start"]
    )
    found = regions[shared > 0].assign(
        covered=shared / (planted["end"] - planted["start"]),
        error=(abs(regions["start"] - planted["start"]) + abs(regions["end"] - planted["end"])) / 2,
    )
    alone = found.drop_duplicates("contig", keep=False)
    assert (alone["covered"] >= 0.8).sum() >= 180
    assert alone["error"].median() <= 2000
    assert len(regions) - len(found) <= 40  # of 40 Mb


def test_host_contigs_have_few_regions_and_viruses_are_one(fitted):
    assert len(regions_of(simulated(4, 40, 1000)[0], fitted)) <= 40
    regions = regions_of(simulated(5, 100, 40, "whole")[0], fitted)
    assert (regions.groupby("contig").size() == 1).sum() >= 95
    assert (regions["edge"] == "both").sum() >= 95


CALLS = pd.DataFrame(
    {
        "contig": ["a", "b", "c", "d", "e"],
        "call": ["host", "host", "viral", "viral", "not scored"],
        "reason": ["few", "few", "many", "all", "no sequence"],
    }
)


def test_calls_tell_of_regions_that_are_not_the_whole():
    windows = [
        window_rows([-3] * 20 + [3] * 20 + [-3] * 30, "a"),
        window_rows([3] * 20 + [-3] * 20 + [3] * 30, "b"),
        window_rows([3] * 20 + [-3] * 20, "c"),
        window_rows([3] * 20, "d"),
    ]
    calls = with_regions(CALLS, regions_of(pd.concat(windows)))
    assert calls.columns.tolist() == ["contig", "call", "regions", "reason"]
    assert calls["regions"].fillna("").tolist() == [
        *("6001-12000", "1-6000,12001-21000", "1-6000", "1-6000", "")
    ]
    assert calls["reason"].tolist() == [
        "host with viral stretch 6.0-12.0 kb; few",
        "host with 2 viral stretches, the longest 12.0-21.0 kb; few",
        "viral stretch 0.0-6.0 kb; many",
        "all",
        "no sequence",
    ]


def test_calls_without_regions_stay_as_they_are():
    calls = with_regions(CALLS, regions_of(window_rows([-3] * 20)))
    assert calls.drop(columns="regions").equals(CALLS) and calls["regions"].isna().all()
    assert len(with_regions(CALLS.iloc[:0], regions_of(window_rows([])))) == 0


def regions_table():
    windows = [
        window_rows([-3] * 20 + [3] * 20 + [-3] * 30, "a;b"),
        window_rows([3] * 20, "k99_1|x"),
    ]
    return regions_of(pd.concat(windows))


def test_gff3_is_one_based_closed_and_escaped(tmp_path):
    write_gff3(tmp_path / "r.gff3", regions_table(), {"a;b": 21000, "k99_1|x": 6000, "other": 5})
    assert (tmp_path / "r.gff3").read_text().splitlines() == [
        "##gff-version 3",
        "##sequence-region a%3Bb 1 21000",
        "##sequence-region k99_1|x 1 6000",
        "a%3Bb\tseqloom\tviral_sequence\t6001\t12000\t1.0000\t.\t.\t"
        "ID=a%3Bb:6001-12000;windows=20;probability=0.9526;edge=none",
        "k99_1|x\tseqloom\tviral_sequence\t1\t6000\t1.0000\t.\t.\t"
        "ID=k99_1|x:1-6000;windows=20;probability=0.9526;edge=both",
    ]


def test_bed_is_zero_based_and_half_open(tmp_path):
    write_bed(tmp_path / "r.bed", regions_table())
    assert (tmp_path / "r.bed").read_text().splitlines() == [
        "a;b\t6000\t12000\ta;b:6001-12000\t1000\t.",
        "k99_1|x\t0\t6000\tk99_1|x:1-6000\t1000\t.",
    ]


def test_files_without_regions_are_valid(tmp_path):
    nothing = regions_of(window_rows([]))
    assert len(nothing) == 0
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
    write_contigs_fasta(folder / name, headers, open_genome(folder / "g.fa.gz"))
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


def test_sequences_of_regions_have_their_names(tmp_path):
    stored(tmp_path, {"a;b": letters(1, 21000), "k99_1|x": letters(2, 6000)})
    write_regions_fasta(tmp_path / "r.fna.gz", regions_table(), open_genome(tmp_path / "g.fa.gz"))
    text = gzip.decompress((tmp_path / "r.fna.gz").read_bytes()).decode()
    first, second = (record.split("\n", 1) for record in text.split(">")[1:])
    assert (first[0], second[0]) == ("a;b:6001-12000", "k99_1|x:1-6000")
    assert first[1].replace("\n", "").encode() == letters(1, 21000)[6000:12000]
    assert second[1].replace("\n", "").encode() == letters(2, 6000)


def test_without_a_viral_contig_the_fasta_is_empty_bgzip(tmp_path):
    stored(tmp_path, CONTIGS)
    assert viral_fasta(tmp_path, {}) == BGZIP_END


def test_an_index_older_than_its_genome_is_used_and_left_alone(tmp_path):
    indexes = stored(tmp_path, CONTIGS)[1:3]
    for index in indexes:
        os.utime(index, (0, 0))
    assert gzip.decompress(viral_fasta(tmp_path, {"host": "host"})) == b">host\nTTTT\n"
    assert [index.stat().st_mtime for index in indexes] == [0, 0]
