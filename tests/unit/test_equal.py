"""Equal sequences in the labeled samples, through split.py and its files."""

import json
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from learn_data import make_world

import split as script
from seqloom.errors import InputError
from seqloom.learn.equal import equal_contigs, merged_groups
from seqloom.report.data import result_rows


def add_copy(world, sample, of, label, groups=None):
    """A sample with the same FASTA as another one."""
    number = [s["sample"] for s in world.samples].index(of)
    for files in (world.contigs, world.genomes):
        name = files[number].name.replace(of, sample, 1)
        files.append(shutil.copy(files[number], files[number].with_name(name)))
    world.samples.append({"sample": sample, "label": label, "category": sample, "groups": groups})


def run_split(world, folder):
    command = [sys.executable, script.__file__, "--experiment", "toy", "--seed", "1"]
    command += ["--samples", *map(json.dumps, world.samples)]
    command += ["--contigs", *world.contigs, "--genomes", *world.genomes]
    command += ["--fractions", "0.5", "0.25", "0.25"]
    command += [
        "--out",
        folder / "split.parquet",
        "--audit",
        folder / "audit.tsv",
        "--leaks",
        folder / "leaks.tsv",
    ]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_same_fasta_under_two_names_stays_in_one_part(tmp_path):
    world = make_world(tmp_path)
    add_copy(world, "twin", "vir", "viral")
    done = run_split(world, tmp_path)
    assert done.returncode == 0, done.stderr
    table = pd.read_parquet(tmp_path / "split.parquet").set_index("sample")
    own, twin = (table.loc[name].set_index("contig") for name in ("vir", "twin"))
    assert own["part"].equals(twin["part"]) and own["group"].equals(twin["group"])
    assert own["group"].nunique() == 5

    rows = {row["part"]: row for row in result_rows(tmp_path / "audit.tsv", "part")}
    equal = rows["equal sequences"]
    # Five groups from the file of the first sample; each contig of the second is a group.
    assert (equal["contigs"], equal["groups"]) == ("18", "14")
    assert equal["note"] == (
        "18 contigs share their sequence with another contig, such as "
        'contig "vir0" of the viral sample vir and contig "vir0" of the viral sample twin; '
        "their 14 groups are now 5"
    )
    assert equal["note"] in done.stderr
    assert rows["test in train"]["above_0.1"] == "0"


def test_the_same_fasta_as_viral_and_as_host_is_refused(tmp_path):
    world = make_world(tmp_path)
    add_copy(world, "twin", "vir", "host")
    done = run_split(world, tmp_path)
    assert (done.returncode, done.stderr) == (
        1,
        'error: contig "vir0" of the viral sample vir and contig "vir0" of the host sample twin '
        "have the same sequence (9 such sequences in all); remove one of the two contigs, or "
        "correct a label in the sample sheet\n",
    )
    assert not list(tmp_path.glob("*split*")) and not (tmp_path / "audit.tsv").exists()


def test_the_audit_reports_that_no_sequences_are_equal(tmp_path):
    done = run_split(make_world(tmp_path), tmp_path)
    assert "sequence that another" not in done.stderr
    [row] = [
        r for r in result_rows(tmp_path / "audit.tsv", "part") if r["part"] == "equal sequences"
    ]
    assert (row["contigs"], row["groups"], row["note"]) == ("0", "0", "")


def contigs(*rows):
    """A table from rows (group, sequence, label, frames)."""
    table = pd.DataFrame(rows, columns=["group", "sha256", "label", "frames"])
    return table.assign(sample="s", contig=[f"c{i}" for i in range(len(table))])


def test_groups_are_merged_along_a_chain_of_equal_sequences():
    table = contigs(
        ("d", "1", "viral", 5),
        ("c", "1", "viral", 5),
        ("c", "2", "viral", 5),
        ("b", "2", "viral", 5),
        ("b", "3", "viral", 5),
        ("a", "3", "viral", 5),
        ("d", "4", "viral", 0),
        ("e", "5", "viral", 5),
        ("e", "5", "viral", 5),
    )
    joined = merged_groups(table["group"], equal_contigs(table))
    assert joined.tolist() == ["a"] * 7 + ["e"] * 2


def test_contigs_without_frames_are_not_compared():
    table = contigs(("a", "empty", "viral", 0), ("b", "empty", "host", 0), ("c", "1", "host", 3))
    equal = equal_contigs(table)
    assert equal.empty
    assert merged_groups(table["group"], equal).tolist() == ["a", "b", "c"]


def test_the_error_names_one_contig_of_each_label():
    rows = [("a", "1", label, 5) for label in ("viral", "viral", "host")]
    with pytest.raises(InputError, match=r'"c0" of the viral .* "c2" of the host .*\(1 such'):
        equal_contigs(contigs(*rows))
