"""Planted leaks, and whether the audit finds them."""

import dnaio
import numpy as np
import pandas as pd
import pytest
from Bio.Data.CodonTable import unambiguous_dna_by_id
from facts import SHARED

from seqloom.errors import InputError
from seqloom.learn.audit import audit_split, refuse_leaks
from seqloom.learn.split import split_table
from seqloom.seqs.bgzip import bgzip

EQUALITY = {"part": "equal sequences", "contigs": 0, "groups": 0}
FORWARD = unambiguous_dna_by_id[1].forward_table
CODONS = sorted(FORWARD)


def genome(path, records):
    with bgzip(path) as write:
        for name, sequence in records.items():
            write(f">{name} text\n{sequence}\n".encode())
    return path


def dna(rng, length):
    return "".join(rng.choice(list("ACGT"), length))


def reverse_complement(sequence):
    return sequence.translate(str.maketrans("ACGT", "TGCA"))[::-1]


def audit_of(folder, parts):
    """The audit of contigs given by part; those of train are host, others viral."""
    rows = [(name, part) for part, contigs in parts.items() for name in contigs]
    split = pd.DataFrame(rows, columns=["contig", "part"])
    label = np.where(split["part"] == "train", "host", "viral")
    split = split.assign(sample="s", label=label, category=label, frames=4, take=1)
    split["group"] = split["contig"].str.split("-").str[0]
    records = {name: text for contigs in parts.values() for name, text in contigs.items()}
    return audit_split(split, {"s": genome(folder / "s.fa.gz", records)}, EQUALITY)


def row_of(audit, contig, words="dna", part="test"):
    rows = audit.leaks[(audit.leaks["contig"] == contig) & (audit.leaks["words"] == words)]
    rows = rows[(rows["part"] == part) | (rows["other_part"] == part)]
    assert len(rows) <= 1
    return rows.iloc[0] if len(rows) else None


def summary_of(audit, part, words="dna"):
    rows = audit.summary[(audit.summary["part"] == part) & (audit.summary["words"] == words)]
    [row] = rows.to_dict("records")
    return row


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_one_equal_genome_among_twenty_of_a_group_is_found(tmp_path, rng):
    test = {f"g-{i}": dna(rng, 3000) for i in range(20)}
    train = {"a": dna(rng, 20_000), "b": test["g-7"], "c": dna(rng, 5000)}
    audit = audit_of(tmp_path, {"train": train, "validation": {"v": dna(rng, 3000)}, "test": test})
    row = row_of(audit, "s:g-7")
    assert (row["share"], row["shared_bases"], row["closest"]) == (1, 2980, "s:b")
    assert (row["label"], row["closest_label"], row["counted"]) == ("viral", "host", "exactly")
    found = summary_of(audit, "test in train")
    assert (found["contigs"], found["above_0.05"], found["above_0.9"]) == (20, 1, 1)
    assert (found["highest"], found["contig"], found["closest"]) == (1, "s:g-7", "s:b")
    assert found["note"] == (
        "more than 10 % of the 21-mers of 1 contig of test are also in train (most of s:g-7, "
        "closest is s:b), so the scores may be too good"
    )
    assert summary_of(audit, "train in test")["contig"] == "s:b"
    assert summary_of(audit, "validation in train")["highest"] == 0
    with pytest.raises(
        InputError,
        match=r"contig s:\S+ of (test|train) has 100 % of the 21-mers of s:\S+ .* 2 contigs in all",
    ):
        refuse_leaks(audit.leaks, 0.1)
    refuse_leaks(audit.leaks, 1)


def test_a_train_virus_inside_a_long_test_host_is_found(tmp_path, rng):
    virus, host = dna(rng, 5000), dna(rng, 600_000)
    test = {"host": host[:300_000] + reverse_complement(virus) + host[300_000:]}
    train = {"virus": virus, "other": dna(rng, 5000)}
    audit = audit_of(tmp_path, {"train": train, "validation": {"v": dna(rng, 3000)}, "test": test})
    assert row_of(audit, "s:host") is None
    row = row_of(audit, "s:virus")
    assert (row["share"], row["closest"], row["other_part"]) == (1, "s:host", "test")
    assert row_of(audit, "s:virus", "protein") is not None
    with pytest.raises(
        InputError, match="s:host of test has 100 % of the 21-mers of s:virus of train"
    ):
        refuse_leaks(audit.leaks, 0.1)


def test_pieces_of_many_train_contigs_add_up(tmp_path, rng):
    whole = dna(rng, 8000)
    train = {f"t{i}": whole[1000 * i : 1000 * i + 500] + dna(rng, 4000) for i in range(8)}
    parts = {"train": train, "validation": {"v": dna(rng, 3000)}, "test": {"x": whole}}
    audit = audit_of(tmp_path, parts)
    row = row_of(audit, "s:x")
    assert row["shared_bases"] == pytest.approx(8 * 480, abs=40)
    assert row["share_of_closest"] == pytest.approx(480 / 7980, abs=0.002)
    refuse_leaks(audit.leaks, 0.11)


def test_short_contigs_are_not_auditable_and_do_not_stop(tmp_path, rng):
    short = dna(rng, 266)
    parts = {"train": {"a": dna(rng, 5000), "b": short}, "test": {"c": short[:260]}}
    audit = audit_of(tmp_path, parts | {"validation": {"v": dna(rng, 3000)}})
    row = row_of(audit, "s:c")
    assert (row["status"], row["share"]) == ("not auditable", 1)
    found = summary_of(audit, "test in train")
    assert (found["not_auditable"], found["above_0.05"], pd.isna(found["note"])) == (1, 0, True)
    refuse_leaks(audit.leaks, 0.1)


def diverged(rng, codons, share):
    """`share` of the bases of a gene changed as evolution does: most amino acids stay."""
    codons, changed = list(codons), set()
    while len(changed) < share * 3 * len(codons):
        codon, place, base = rng.integers(len(codons)), rng.integers(3), "ACGT"[rng.integers(4)]
        old = codons[codon]
        new = old[:place] + base + old[place + 1 :]
        same = FORWARD.get(new) == FORWARD[old]
        if new != old and new in FORWARD and (same or rng.random() < 0.1):
            codons[codon] = new
            changed.add((codon, place))
    return "".join(codons)


def test_a_diverged_coding_sequence_is_found_by_its_proteins(tmp_path, rng):
    genes = [rng.choice(CODONS, 500) for _ in range(4)]
    old, new = (
        "".join(f"{write(gene)}TAA{dna(rng, 50)}" for gene in genes)
        for write in ("".join, lambda gene: diverged(rng, gene, 0.2))
    )
    parts = {"train": {"a": old, "b": dna(rng, 5000)}, "test": {"c": reverse_complement(new)}}
    audit = audit_of(tmp_path, parts | {"validation": {"v": dna(rng, 3000)}})
    assert row_of(audit, "s:c") is None
    assert summary_of(audit, "test in train")["highest"] < 0.03
    row = row_of(audit, "s:c", "protein")
    assert row["share"] > 0.05 and row["closest"] == "s:a"
    refuse_leaks(audit.leaks, 0.1)


def test_the_summary_counts_contigs_groups_and_frames(tmp_path, rng):
    parts = {"train": {"a-1": dna(rng, 900), "a-2": dna(rng, 900)}, "test": {"c": dna(rng, 900)}}
    audit = audit_of(tmp_path, parts | {"validation": {"v": dna(rng, 900)}})
    counts = audit.summary[audit.summary["share"].notna()]
    assert counts["part"].tolist() == ["train", "validation", "test"]
    assert counts.iloc[0][["contigs", "groups", "frames", "take"]].tolist() == [2, 1, 8, 2]
    assert counts["share"].tolist() == [1, 0.5, 0.5]


@pytest.mark.skipif(not SHARED.is_dir(), reason="it needs the whole genomes of ../shared")
def test_real_genomes_stop_a_run_without_groups_and_pass_with_them(tmp_path):
    listed = pd.read_csv(SHARED / "data/CLUSTERS.tsv", sep="\t", dtype=str)
    wanted = r"viral/|archaea/|mycoplasmoides|chloroplast"
    listed = listed[listed["file"].str.contains(wanted)].assign(frames=10, gc=0.5)
    listed["sample"] = listed["file"].str.extract(r"/([^.]*)\.", expand=False)
    listed = listed.rename(columns={"record": "contig"})
    listed["label"] = np.where(listed["category"] == "viral", "viral", "host")
    genomes = {}
    for file, sample in set(zip(listed["file"], listed["sample"], strict=True)):
        with dnaio.open(SHARED / "data" / file) as records:
            texts = {record.id: record.sequence for record in records}
        genomes[sample] = genome(tmp_path / f"{sample}.fa.gz", texts)
    alone = listed.assign(group=listed["sample"] + ":" + listed["contig"])
    for table, stops in ((alone, True), (listed, False)):
        split = split_table(table, [0.7, 0.15, 0.15], "none", seed=1)
        leaks = audit_split(split, genomes, EQUALITY).leaks
        if stops:
            with pytest.raises(InputError, match="of the 21-mers of "):
                refuse_leaks(leaks, 0.1)
        else:
            refuse_leaks(leaks, 0.1)
