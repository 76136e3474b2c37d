"""The plain reference gives the same results as the published program."""

import hashlib

import pytest
from facts import virnucpro
from virnucpro_reference import identified, stop_free_frames, window_starts

ALANINES = "GCC" * 10  # open in all six frames


def test_windows_are_those_of_the_published_program():
    for window, cases in virnucpro()["windows"].items():
        for length, golden in cases.items():
            starts = window_starts(int(length), int(window))
            sizes = [min(int(window), int(length) - start) for start in starts]
            assert len(starts) == golden["n"]
            assert (starts[-1], sizes[-1]) == (golden["last_start"], golden["last_len"])
            assert (set(sizes) == {int(window)}) == golden["all_full"]
            assert starts == golden.get("starts", starts)
            text = ",".join(map(str, starts))
            assert hashlib.sha256(text.encode()).hexdigest() == golden["sha256_starts"]


def test_frames_are_those_of_the_published_program():
    for case in virnucpro()["frames"]:
        golden = [(kept["frame"], kept["nucleotide"], kept["protein"]) for kept in case["kept"]]
        assert list(stop_free_frames(case["seq"])) == golden, case["name"]


def test_files_hold_the_frames_that_the_published_program_wrote():
    cases = virnucpro()["frames"]
    written = [
        (f">{case['name']}_chunk_1{kept['frame']}", kept["nucleotide"], kept["protein"])
        for case in cases
        for kept in case["kept"]
        if kept["written"]
    ]
    assert identified([(case["name"], case["seq"]) for case in cases], 300) == (
        "".join(f"{title}\n{nucleotides}\n" for title, nucleotides, _ in written),
        "".join(f"{title}\n{protein}\n" for title, _, protein in written),
    )


def test_frames_follow_windows_and_windows_follow_records():
    nucleotides, protein = identified([("b", ALANINES + "G"), ("empty", ""), ("a", "GCC")], 30)
    frames = ("F1", "F2", "F3", "R1", "R2", "R3")
    titles = [f">b_chunk_{number}{frame}" for number in (1, 2) for frame in frames]
    titles += [">a_chunk_1F1", ">a_chunk_1R1"]
    assert nucleotides.splitlines()[::2] == protein.splitlines()[::2] == titles
    # 31 bases: the surplus of 29 is 14 for each of two windows, and one more at the only overlap.
    assert nucleotides.splitlines()[1] == ALANINES
    assert nucleotides.splitlines()[13] == ALANINES[15:] + "G"
    assert protein.splitlines()[-3:] == ["A", ">a_chunk_1R1", "G"]


def test_training_keeps_only_what_is_annotated_in_the_same_record():
    records = [("x", ALANINES), ("y", ALANINES), ("z", ALANINES)]
    annotated = {
        "x": ["MKV", "M" + "A" * 10 + "K"],
        "y": ["G" * 9, "P" * 5, "P" * 4],  # each shorter than the frame's protein
        "other": ["R" * 10],
    }
    assert identified(records, 30, annotated) == (
        f">x_chunk_1F1\n{ALANINES}\n>x_chunk_1R2\n{'GCG' * 9}G\n",
        f">x_chunk_1F1\n{'A' * 10}\n>x_chunk_1R2\n{'A' * 9}\n",
    )


@pytest.mark.parametrize("letter", "NRYMKSWHBVDn")
def test_training_rejects_a_window_with_an_unclear_letter(letter):
    record = ("x", ALANINES + ALANINES[:-1] + letter)
    annotated = {"x": ["A" * 20, "P" * 20, "R" * 20, "G" * 20]}
    assert ">x_chunk_2" in identified([record], 30)[0]
    titles = identified([record], 30, annotated)[0].splitlines()[::2]
    assert titles
    assert all(title.startswith(">x_chunk_1") for title in titles)
