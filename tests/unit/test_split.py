import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from learn_data import make_world

from seqloom.errors import InputError
from seqloom.learn.split import (
    MAX_GROUPS,
    PARTS,
    TOLERANCE,
    assign_parts,
    balanced_take,
    divided_evenly,
    group_bins,
    labeled_contigs,
    legacy_take,
    split_table,
)

FRACTIONS = [0.7, 0.15, 0.15]


def contigs(groups):
    """A table from rows (label, category, group, frames)."""
    table = pd.DataFrame(groups, columns=["label", "category", "group", "frames"])
    table = table.assign(length=900, gc=0.4)
    return table.assign(sample="s", contig=[f"c{i}" for i in range(len(table))])


def three_groups(label, category):
    return [(label, category, f"{category}{i}", 10) for i in range(3)]


sizes = st.lists(st.integers(1, 1000), min_size=4, max_size=12)


@settings(max_examples=10)
@given(viral=sizes, host=sizes, shared=st.lists(st.integers(1, 100), max_size=2))
def test_groups_stay_whole_and_fractions_are_met_up_to_one_group(viral, host, shared):
    table = contigs(
        [("viral", "viral", f"v{i // 2}", n) for i, n in enumerate(viral * 2)]
        + [("host", "plant", f"h{i}", n) for i, n in enumerate(host)]
        + [("host", "plant", f"v{i}", n) for i, n in enumerate(shared)]
    )
    split = split_table(table, FRACTIONS, "category", seed=1)
    assert split.groupby("group")["part"].nunique().eq(1).all()
    assert split["part"].notna().all()
    for _, rows in split.groupby("label"):
        assert set(rows["part"]) == set(PARTS)
    if shared:
        return  # such a group is moved for two categories at once: no simple bound
    for _, rows in split.groupby("category"):
        total = rows["frames"].sum()
        largest = rows.groupby("group")["frames"].sum().max()
        for part, fraction in zip(PARTS, FRACTIONS, strict=True):
            got = rows.loc[rows["part"] == part, "frames"].sum()
            assert abs(got - fraction * total) <= 2 * largest + 4 * TOLERANCE * total


def test_many_small_groups_meet_the_fractions_closely():
    rng = np.random.default_rng(0)
    rows = [("viral", "viral", f"v{i}", n) for i, n in enumerate(rng.integers(1, 100, 300))]
    rows += [("host", "plant", f"p{i}", n) for i, n in enumerate(rng.integers(1, 100, 60))]
    rows += [("host", "fungi", f"f{i}", n) for i, n in enumerate(rng.integers(1, 100, 60))]
    split = split_table(contigs(rows), FRACTIONS, "none", seed=1)
    shares = split.groupby(["category", "part"])["frames"].sum()
    shares = (shares / shares.groupby("category").transform("sum")).unstack()[list(PARTS)]
    np.testing.assert_allclose(shares, [FRACTIONS] * 3, atol=4 * TOLERANCE)


def test_very_many_groups_are_split_in_seconds_and_closely():
    rng = np.random.default_rng(0)
    sizes = rng.pareto(1.5, 20_000).astype(int) + 1
    rows = [("viral", "viral", f"v{i}", n) for i, n in enumerate(sizes)]
    rows += [("host", "plant", f"p{i}", n) for i, n in enumerate(sizes[:5_000])]
    table = contigs(rows)
    parts = assign_parts(table, FRACTIONS, seed=1)
    assert parts == assign_parts(table.iloc[::-1], FRACTIONS, seed=1)
    table["part"] = table["group"].map(parts)
    shares = table.groupby(["category", "part"])["frames"].sum()
    shares = (shares / shares.groupby("category").transform("sum")).unstack()[list(PARTS)]
    np.testing.assert_allclose(shares, [FRACTIONS] * 2, atol=4 * TOLERANCE)


def test_only_groups_of_too_large_a_category_share_a_bin():
    names = [f"v{i}" for i in range(MAX_GROUPS + 2)]
    few = [f"h{i}" for i in range(4)]
    frames = pd.DataFrame(0, index=[*names, *few, "both"], columns=["viral", "plant"])
    frames.loc[names, "viral"] = range(len(names), 0, -1)
    frames.loc[few, "plant"] = 5
    frames.loc["both"] = 1
    bins = group_bins(frames)
    shared = bins[bins != bins.index]
    assert shared.to_dict() == {names[-2]: "v0", names[-1]: "v1"}


def test_no_solution_in_time_is_an_error_with_advice(monkeypatch):
    monkeypatch.setattr("seqloom.learn.split.TIME_LIMIT", 0)
    rng = np.random.default_rng(0)
    rows = [
        (label, label, f"{label}{i}", n)
        for label in ("viral", "host")
        for i, n in enumerate(rng.integers(1, 100, 400))
    ]
    with pytest.raises(InputError, match=r"no split of 800 groups .* larger groups"):
        assign_parts(contigs(rows), FRACTIONS, seed=1)


def test_three_groups_of_a_category_reach_every_part_and_a_single_one_is_in_train():
    rows = three_groups("viral", "viral") + three_groups("host", "plant")
    parts = assign_parts(contigs([*rows, ("host", "fungi", "f", 30)]), FRACTIONS, seed=1)
    assert sorted(parts[f"plant{i}"] for i in range(3)) == sorted(PARTS)
    assert parts["f"] == "train"


def test_a_category_missing_from_a_part_gives_a_warning(caplog):
    rows = three_groups("viral", "viral") + three_groups("host", "plant")
    split_table(contigs([*rows, ("host", "fungi", "f", 30)]), FRACTIONS, "category", seed=1)
    assert caplog.messages == [
        "host category fungi has only 1 group: none is in test and validation"
    ]


def test_single_groups_of_three_host_categories_reach_every_part():
    hosts = [("host", name, name, 10) for name in ("plant", "fungi", "archaea")]
    parts = assign_parts(contigs(three_groups("viral", "viral") + hosts), FRACTIONS, seed=1)
    assert {parts[name] for _, name, _, _ in hosts} == set(PARTS)


def test_the_split_does_not_depend_on_the_order_of_the_rows():
    rows = [("viral", "viral", f"v{i}", 10) for i in range(20)]
    rows += [("host", "plant", f"p{i}", 10) for i in range(20)]
    table = contigs(rows)
    parts = assign_parts(table, FRACTIONS, seed=3)
    assert parts == assign_parts(table.iloc[::-1], FRACTIONS, seed=3)
    assert any(parts != assign_parts(table, FRACTIONS, seed=seed) for seed in range(4, 8))


@pytest.mark.parametrize("label", ["viral", "host"])
def test_too_few_groups_of_a_label_are_an_error_with_advice(label):
    other = {"viral": "host", "host": "viral"}[label]
    rows = three_groups(other, other) + three_groups(label, label)[:2]
    rows += [(label, label, "empty", 0)]
    with pytest.raises(InputError, match=f"the {label} samples have 2 groups.*add unrelated"):
        assign_parts(contigs(rows), FRACTIONS, seed=1)
    with pytest.raises(InputError, match=f"the {label} samples have 0 groups"):
        assign_parts(contigs(three_groups(other, other)), FRACTIONS, seed=1)


def test_contigs_without_frames_have_no_part():
    rows = three_groups("viral", "viral") + three_groups("host", "host")
    split = split_table(contigs([*rows, ("viral", "viral", "viral0", 0)]), FRACTIONS, "category", 1)
    assert len(split) == 7
    assert pd.isna(split["part"].iloc[-1])
    assert split["take"].iloc[-1] == 0


@given(st.lists(st.integers(0, 50), max_size=12), st.integers(0, 400))
def test_a_total_is_divided_evenly_and_completely(available, total):
    available = np.array(available, np.int64)
    taken = divided_evenly(available, total)
    assert taken.sum() == min(total, available.sum())
    assert np.all((taken >= 0) & (taken <= available))
    # A member that gives less than another, by more than the remainder, gives all.
    level = taken.max(initial=0)
    assert np.all((taken == available) | (taken >= level - 1))


def test_training_has_equal_labels_and_even_categories():
    rows = [("viral", "viral", f"v{i}", 100) for i in range(9)]
    rows += [("host", "plant", f"p{i}", 1000) for i in range(9)]
    rows += [("host", "fungi", f"f{i}", 20) for i in range(9)]
    split = split_table(contigs(rows), FRACTIONS, "category", seed=1)
    part = split[split["part"] == "train"]
    viral, host = (part[part["label"] == label] for label in ("viral", "host"))
    assert viral["take"].sum() == host["take"].sum() == viral["frames"].sum()
    fungi, plant = (host[host["category"] == c] for c in ("fungi", "plant"))
    # Fungi have less than half and give all; plants give the rest, evenly over groups.
    assert fungi["take"].sum() == min(fungi["frames"].sum(), viral["frames"].sum() // 2)
    assert plant["take"].max() - plant["take"].min() <= 1


@pytest.mark.parametrize("balance", ["category", "virnucpro", "none"])
def test_validation_and_test_read_whole_contigs(balance):
    rows = [("viral", "viral", f"v{i}", 10) for i in range(9)]
    rows += [("host", "plant", f"p{i}", 1000) for i in range(9)]
    split = split_table(contigs(rows), FRACTIONS, balance, seed=1)
    whole = split["take"] == split["frames"]
    assert whole[split["part"] != "train"].all()
    assert whole[split["part"] == "train"].all() == (balance == "none")


def test_balance_works_for_more_viral_than_host_frames():
    rows = [("viral", "viral", "a", 30), ("viral", "viral", "b", 3), ("host", "plant", "c", 7)]
    assert balanced_take(contigs(rows)).tolist() == [4, 3, 7]


@given(
    viral=st.lists(st.integers(0, 60), min_size=1, max_size=6),
    hosts=st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=6), max_size=10),
)
def test_virnucpro_takes_all_viral_frames_and_a_seventh_of_each_host_category(viral, hosts):
    one = [("viral", "viral", f"v{i}", n) for i, n in enumerate(viral)]
    one += [
        ("host", f"h{c}", f"h{c}-{i}", n)
        for c, sizes in enumerate(hosts)
        for i, n in enumerate(sizes)
    ]
    part = contigs(one)
    part["take"] = legacy_take(part)
    assert part["take"].dtype == "int64"
    assert part["take"][part["label"] == "viral"].tolist() == viral
    total, most = sum(viral), math.ceil(sum(viral) / 7)
    taken = part[part["label"] == "host"].groupby("category")["take"].sum()
    offered = [min(sum(sizes), most) for sizes in hosts]
    assert taken.sum() == min(total, sum(offered))
    assert_even(taken.tolist(), offered)
    for category, rows in part[part["label"] == "host"].groupby("category"):
        assert_even(rows["take"].tolist(), hosts[int(category[1:])])


def assert_even(taken, offered):
    """A member that gives less than another, by more than the remainder, gives all."""
    level = max(taken, default=0)
    for some, everything in zip(taken, offered, strict=True):
        assert some == everything or level - 1 <= some < everything


def test_virnucpro_balance_divides_a_category_by_groups_first():
    rows = [("viral", "viral", "v", 70), ("host", "plant", "big", 50), ("host", "plant", "big", 50)]
    rows += [("host", "plant", "small", 2), ("host", "plant", "middle", 50)]
    rows += [("host", "fungi", "f", 3)]
    assert legacy_take(contigs(rows)).tolist() == [70, 2, 2, 2, 4, 3]


def test_virnucpro_balances_the_train_part_of_a_split():
    rows = [("viral", "viral", f"v{i}", 70) for i in range(9)]
    rows += [("host", f"h{c}", f"h{c}-{i}", 100) for c in range(9) for i in range(9)]
    split = split_table(contigs(rows), FRACTIONS, "virnucpro", seed=1)
    part = split[split["part"] == "train"]
    viral, host = (part[part["label"] == label] for label in ("viral", "host"))
    # Nine categories would give nine sevenths, but hosts are limited to the number of viruses.
    assert viral["take"].tolist() == viral["frames"].tolist()
    assert host["take"].sum() == viral["take"].sum()
    assert np.ptp(host.groupby("category")["take"].sum()) <= 1


def test_balance_none_takes_all_frames():
    rows = three_groups("viral", "viral") + three_groups("host", "host")
    split = split_table(contigs(rows), FRACTIONS, "none", 1)
    assert split["take"].tolist() == split["frames"].tolist()


def test_contigs_without_a_groups_file_are_their_own_groups(tmp_path):
    world = make_world(tmp_path)
    world.samples[1]["groups"] = None
    table = labeled_contigs(world.samples, world.contigs)
    assert table["group"][:3].tolist() == ["vir-group0", "vir-group0", "vir-group1"]
    assert table.loc[table["contig"] == "bac1", "group"].tolist() == ["bac:bac1"]
    assert table.groupby("sample", sort=False)["frames"].unique().map(list).to_dict() == {
        "vir": [6],
        "bac": [20],
        "fun": [8],
    }
    assert len(table) == 21


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "contig,group\nvir0,a\n",
            "line 1: the columns are separated by commas; use tabs",
        ),
        ("vir0\ta\n", "line 1: the column contig is missing; the first line must name contig, gro"),
        (
            "contig\tgroup\nvir0\ta\tb\n",
            "line 2: 3 cells, but the header has 2; remove the surplus",
        ),
        ("\ncontig\tgroup\n\nvir0\ta\nvir0\tb\n", 'line 5: contig "vir0" is listed twice'),
        ("contig\tgroup\nvir0\ta\n", 'no group for contig "vir1" of sample vir .8 contigs'),
        ("contig\tgroup\nvir0\ta\nvir1\n", 'no group for contig "vir1" of sample vir .8 contigs'),
        (
            "contig\tgroup\n\nvir0\ta\nvir1.1\ta\n",
            'line 4: contig "vir1.1" is not in the FASTA of sample vir .1 such rows in all.; '
            "did you mean vir1?",
        ),
        (
            "contig\tgroup\nplasmid\ta\nx\tb\n",
            'line 2: contig "plasmid" is not in the FASTA of sample vir .2 such rows in all.; '
            "correct the name, or remove the row",
        ),
    ],
)
def test_a_bad_groups_file_is_named(tmp_path, text, message):
    world = make_world(tmp_path)
    (tmp_path / "vir.groups.tsv").write_text(text)
    with pytest.raises(InputError, match=message):
        labeled_contigs(world.samples, world.contigs)


def test_samples_may_share_a_groups_file(tmp_path):
    world = make_world(tmp_path)
    shared = tmp_path / "shared.tsv"
    names = [f"{sample}{i}" for sample, count in (("vir", 9), ("bac", 6)) for i in range(count)]
    shared.write_text("contig\tgroup\n" + "".join(f"{name}\tg{name}\n" for name in names))
    for sample in world.samples[:2]:
        sample["groups"] = str(shared)
    table = labeled_contigs(world.samples, world.contigs)
    assert table["group"][:15].tolist() == [f"g{name}" for name in names]
    shared.write_text(shared.read_text() + "fun0\tg\n")
    with pytest.raises(InputError, match=r'line 17: contig "fun0" is not in .* sample vir or bac '):
        labeled_contigs(world.samples, world.contigs)


def test_a_contig_named_na_keeps_its_name(tmp_path):
    world = make_world(tmp_path)
    for file in (world.contigs[0], tmp_path / "vir.groups.tsv"):
        file.write_text(file.read_text().replace("vir0", "NA"))
    table = labeled_contigs(world.samples, world.contigs)
    assert json.loads(table.iloc[0].to_json())["contig"] == "NA"
