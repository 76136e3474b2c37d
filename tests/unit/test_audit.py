import gzip

import numpy as np
import pandas as pd
import pytest

from seqloom.learn.audit import audit_table, closest_pair
from seqloom.seqs.bgzip import bgzip

EQUALITY = {"part": "equal sequences", "contigs": 0, "groups": 0}


def genome(path, records):
    with bgzip(path) as write:
        for name, sequence in records.items():
            write(f">{name} text\n{sequence}\n".encode())
    return path


def dna(rng, length):
    return "".join(rng.choice(list("ACGT"), length))


@pytest.fixture
def planted(tmp_path):
    """Half of test contig `leak` is the reverse complement of a fragment of train contig `a`."""
    rng = np.random.default_rng(0)
    sequences = {name: dna(rng, 20_000) for name in ("a", "b", "val", "other")}
    piece = sequences["a"][5_000:15_000].translate(str.maketrans("ACGT", "TGCA"))[::-1]
    sequences["leak"] = piece + dna(rng, 10_000)
    rows = [
        ("a", "viral", "A", "train"),
        ("b", "host", "B", "train"),
        ("val", "viral", "V", "validation"),
        ("other", "host", "O", "test"),
        ("leak", "viral", "L", "test"),
        ("empty", "viral", "A", None),
    ]
    split = pd.DataFrame(rows, columns=["contig", "label", "group", "part"])
    split = split.assign(sample="s", category=split["label"], frames=[4, 2, 1, 3, 5, 0], take=1)
    return split, genome(tmp_path / "s.fa.gz", sequences)


def test_the_audit_names_a_planted_leak(planted, caplog):
    split, fasta = planted
    audit = audit_table(split, ["s"], [fasta], EQUALITY).set_index(["part", "category"], drop=False)
    leak = audit[audit["part"] == "train|test"].iloc[0]
    assert (leak["train_group"], leak["other_group"]) == ("A", "L")
    assert leak["containment"] == pytest.approx(0.5, abs=0.05)
    assert not caplog.messages


def test_a_test_group_contained_in_a_train_group_gives_a_warning(planted, caplog):
    split, fasta = planted
    with gzip.open(fasta, "rt") as handle:
        a = handle.read().split("\n")[1]
    genome(fasta, {"a": a, "leak": a[:12_000], "val": a[::-1]})
    audit = audit_table(split, ["s"], [fasta], EQUALITY).set_index("part")
    note = (
        "more than 90 % of the 21-mers of 1 group of test are also in a group of train (the "
        "closest: L and A), so the scores on test are too good; give related contigs one group in "
        "the groups files of the sample sheet"
    )
    assert audit.loc["train|test", "note"] == note
    assert caplog.messages == [note]
    assert audit.loc[["train|validation", "equal sequences"], "note"].isna().all()


def test_unrelated_parts_have_no_containment(planted):
    split, fasta = planted
    audit = audit_table(split, ["s"], [fasta], EQUALITY)
    row = audit[audit["part"] == "train|validation"].iloc[0]
    assert row["containment"] == 0
    assert row[["groups", "train_group", "other_group"]].isna().all()


def test_the_audit_counts_contigs_groups_and_frames(planted):
    split, fasta = planted
    audit = audit_table(split, ["s"], [fasta], EQUALITY)
    counts = audit[audit["share"].notna()]
    assert counts["part"].tolist() == ["train", "train", "validation", "test", "test"]
    viral = counts[(counts["part"] == "test") & (counts["category"] == "viral")].iloc[0]
    assert viral[["contigs", "groups", "frames", "take"]].tolist() == [1, 1, 5, 1]
    assert viral["share"] == pytest.approx(0.5)


def test_many_nearly_identical_groups_are_compared_correctly():
    rng = np.random.default_rng(1)
    pool = rng.integers(0, 2**64, 300, np.uint64)
    sets = {f"g{i}|x": np.unique(rng.choice(pool, 100 + i % 150)) for i in range(400)}
    codes = np.repeat(np.arange(len(sets)), [len(s) for s in sets.values()])
    hashes = pd.DataFrame(
        {
            "hash": np.concatenate(list(sets.values())),
            "group": pd.Categorical.from_codes(codes, list(sets)),
        }
    )
    parts = [("train", "test", "validation")[i % 3] for i in range(len(sets))]
    split = pd.DataFrame({"group": list(sets), "part": parts})
    train = split.loc[split["part"] == "train", "group"]
    for part in ("test", "validation"):
        row = closest_pair(split, hashes, part)
        others = split.loc[split["part"] == part, "group"]
        shares = {
            (a, b): len(np.intersect1d(sets[a], sets[b])) / len(sets[b])
            for a in train
            for b in others
        }
        assert row["containment"] == max(shares.values())
        assert shares[row["train_group"], row["other_group"]] == row["containment"]
