"""What is held out: stretches that cover each contig once, and groups that are not divided."""

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqloom.annotate.parts import parts_table
from seqloom.annotate.stretches import read_parts, stretches_of
from seqloom.annotate.window_plan import Stretch
from seqloom.config.held_out import HeldOut
from seqloom.errors import InputError
from seqloom.files.tables import write_tsv


def contigs(*rows):
    """Rows of sample, contig, length, sha256, group."""
    return pd.DataFrame(rows, columns=["sample", "contig", "length", "sha256", "group"])


YEAST = [("yeast", "I", 100, "a", "g1"), ("yeast", "II", 50, "b", "g2")]
WORM = ("worm", "W", 70, "c", "g3")


def parts_of(rows, *places):
    table = parts_table(contigs(*rows), places)
    return list(table.drop(columns="group").itertuples(index=False, name=None))


def test_species_contigs_and_stretches_are_held_out():
    places = (HeldOut("test", "worm"), HeldOut("validation", "yeast", "I", 30, 60))
    assert parts_of([*YEAST, WORM], *places) == [
        ("yeast", "I", 0, 30, "train"),
        ("yeast", "I", 30, 60, "validation"),
        ("yeast", "I", 60, 100, "train"),
        ("yeast", "II", 0, 50, "train"),
        ("worm", "W", 0, 70, "test"),
    ]
    assert parts_of(YEAST, HeldOut("test", "yeast", "II"))[1] == ("yeast", "II", 0, 50, "test")


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 30)), max_size=5))
def test_every_base_is_in_one_stretch_and_held_out_exactly_if_a_place_has_it(spans):
    places, end = [], 0
    for start, size in sorted(spans):
        start = max(start, end)
        end = min(start + size, 120)
        if start < end:
            places.append(HeldOut("test", "s", "c", start, end))
    owners = [[] for _ in range(120)]
    for stretch in stretches_of({"c": 120, "none": 0}, places):
        for base in range(stretch.start, stretch.end):
            owners[base].append(stretch.part)
    held_out = {base for place in places for base in range(place.start, place.end)}
    assert owners == [["test" if base in held_out else "train"] for base in range(120)]


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (
            HeldOut("test", "yeast", "IX"),
            'annotate.test: yeast has no contig "IX"; correct the name (its contigs are I',
        ),
        (
            HeldOut("test", "yeast", "I", 90, 101),
            "annotate.test: yeast/I has 100 bases, but a stretch ends at 101; correct it",
        ),
    ],
)
def test_a_place_that_does_not_exist_is_an_error(place, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        parts_of(YEAST, place)


def test_contigs_of_a_group_and_equal_contigs_are_not_divided_but_stretches_may_be():
    one_group = [(*row[:4], "g") for row in [*YEAST, WORM]]
    equal = [*YEAST, ("copy", "renamed", 100, "a", "g4")]
    parts_of(one_group[:1], HeldOut("test", "yeast", "I", 0, 10))
    parts_of(one_group, HeldOut("test", "yeast"), HeldOut("test", "worm"))
    with pytest.raises(InputError, match=r"yeast/I \(train\) and worm/W \(test\) are of one group"):
        parts_of(one_group, HeldOut("test", "worm"))
    with pytest.raises(InputError, match=r"yeast/I \(test\) and yeast/II \(train\) are of one"):
        parts_of(one_group, HeldOut("test", "yeast", "I", 0, 10), HeldOut("test", "worm"))
    with pytest.raises(
        InputError, match=r"yeast/I \(train\) and copy/renamed \(test\) have the same sequence; "
    ):
        parts_of(equal, HeldOut("test", "copy"))


def test_the_table_is_read_sample_by_sample(tmp_path):
    table = parts_table(contigs(*YEAST, WORM), [HeldOut("test", "worm")])
    write_tsv(tmp_path / "parts.tsv", table)
    assert read_parts(tmp_path / "parts.tsv", "worm") == [Stretch("W", 0, 70, "test")]
    assert len(read_parts(tmp_path / "parts.tsv", "yeast")) == 2
