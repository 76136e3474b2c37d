"""Shards that the programs write, read back and compared with the genome."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from Bio.Seq import reverse_complement, translate
from seqs_data import contig_frame

from seqloom.files.checksums import sha256
from seqloom.seqs.genome import open_genome, read_sequences
from seqloom.seqs.plans import SCHEMA as PLAN_SCHEMA
from seqloom.seqs.reading import read_fasta
from seqloom.seqs.shards import SCHEMA, protein_batch, read_records, write_shard
from seqloom.seqs.storing import write_sample
from seqloom.seqs.windows import window_layout

INTEGERS = {pa.int8(): pd.Int8Dtype(), pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype()}
SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
CUT = ["--window", "90", "--genetic-code", "11"]


def read_table(path):
    """The table of a shard, in which integer columns with missing values stay integer."""
    return pq.read_table(path).to_pandas(types_mapper=INTEGERS.get)


def run(folder, script, *arguments):
    command = [sys.executable, SCRIPTS / script, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


def frames(folder, shard, out="shards"):
    names = ["--sample", "s", "--cut-name", "w90"]
    files = ["--genome", "g.fa.gz", "--plan", "plan.parquet", "--out", f"{out}/{shard}"]
    return run(folder, "frames.py", *files, *names, *CUT, "--shard", shard)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A DNA sample and a protein sample with their plans, each as one shard and as two."""
    folder = tmp_path_factory.mktemp("run")
    generator = np.random.default_rng(2)
    contigs = {"a|1": "".join(generator.choice(list("ACGGCT"), 3000)), "empty": ""}
    contigs |= {"stops": "TTAATTAACTAGTTAGTTAATCAACTAACTAG" * 3, "unclear": "A" + "N" * 120}
    (folder / "s.fa").write_text("".join(f">{n} x\n{t}\n" for n, t in contigs.items()))
    (folder / "p.faa").write_text(">p1\nMKV*\n>p2\n\n>p3\nMXXU\n>p4\nMA\n>p5\nXX\n")
    for name, molecule, fasta in (("g", "dna", "s.fa"), ("p", "protein", "p.faa")):
        out = ["--genome", f"{name}.fa.gz", "--records", f"{name}.tsv"]
        run(folder, "index.py", "--sample", name, "--molecule", molecule, "--fasta", fasta, *out)
    run(
        folder,
        "plan.py",
        *("--records", "g.tsv", "--genome", "g.fa.gz", *CUT),
        *("--contigs", "contigs.tsv", "--out", "plan.parquet"),
    )
    for shard in ("0001-of-0001", "0001-of-0002", "0002-of-0002"):
        frames(folder, shard)
    run(
        *(folder, "plan.py", "--whole", "--records", "p.tsv", "--genome", "p.fa.gz"),
        *("--contigs", "whole.tsv", "--out", "whole.parquet"),
    )
    for shard in ("0001-of-0002", "0002-of-0002"):
        files = ["--genome", "p.fa.gz", "--plan", "whole.parquet", "--out", f"proteins/{shard}"]
        run(folder, "proteins.py", *files, "--sample", "p", "--shard", shard)
    return folder


def test_files_have_the_documented_columns(folder):
    for file in ("plan.parquet", "whole.parquet"):
        assert pq.read_schema(folder / file).remove_metadata() == PLAN_SCHEMA
    for file in ("shards/0001-of-0001.parquet", "proteins/0001-of-0002.parquet"):
        assert pq.read_schema(folder / file).remove_metadata() == SCHEMA


def test_every_window_has_a_row_and_every_frame_a_record(folder):
    table = read_table(folder / "shards/0001-of-0001.parquet")
    plan = contig_frame(folder / "contigs.tsv")
    windows = table.groupby("contig")["window"].nunique().reindex(plan["contig"], fill_value=0)
    assert windows.tolist() == plan["windows"].tolist()
    assert (table["row"].notna() == (table["status"] == "ok")).all()
    assert (table["status"] != "ok").groupby(table["contig"]).any().to_dict()["stops"]
    assert set(table["status"]) == {"ok", "no_open_frame", "ambiguous"}
    found = table[table["row"].notna()]
    assert found["row"].tolist() == list(range(plan["kept_frames"].sum()))
    for suffix in (".fna", ".faa"):
        ids, _ = read_records(folder / f"shards/0001-of-0001{suffix}")
        assert ids == found["id"].tolist()


def test_the_coordinates_of_a_row_are_those_of_its_frame(folder):
    genome = dict(read_sequences(folder / "g.fa.gz"))
    table = read_table(folder / "shards/0001-of-0001.parquet")
    _, dna = read_records(folder / "shards/0001-of-0001.fna")
    _, proteins = read_records(folder / "shards/0001-of-0001.faa")
    found = table[table["row"].notna()]
    assert set(found["strand"]) == {"+", "-"}
    assert set(found["frame"]) == {1, 2, 3}
    for row, nucleotides, protein in zip(found.itertuples(), dna, proteins, strict=True):
        text = genome[row.contig][row.frame_start : row.frame_end]
        assert nucleotides == (text if row.strand == "+" else reverse_complement(text))
        assert protein == translate(nucleotides, table=11)
        assert (row.length, row.ambiguous) == (len(protein), protein.count("X"))
        assert row.start <= row.frame_start < row.frame_end <= row.end
        letter = "F" if row.strand == "+" else "R"
        assert row.id == f"{row.contig}_chunk_{row.window}{letter}{row.frame}"
    without = table[table["row"].isna()]
    assert without[["strand", "frame", "frame_start", "frame_end"]].isna().all(axis=None)
    assert (without["id"] == without["contig"] + "_chunk_" + without["window"].astype(str)).all()
    assert (without[["length", "ambiguous"]] == 0).all(axis=None)


def test_two_shards_together_equal_one(folder):
    whole, *halves = (
        pq.read_table(folder / f"shards/{name}.parquet").drop_columns("row").to_pylist()
        for name in ("0001-of-0001", "0001-of-0002", "0002-of-0002")
    )
    assert whole == halves[0] + halves[1]
    assert min(map(len, halves)) > 5
    for suffix in (".fna", ".faa"):
        whole, *halves = (
            (folder / f"shards/{name}{suffix}").read_text()
            for name in ("0001-of-0001", "0001-of-0002", "0002-of-0002")
        )
        assert whole == halves[0] + halves[1]


def test_the_metadata_describe_the_shard(folder):
    file = folder / "shards/0002-of-0002.parquet"
    metadata = {k.decode(): v.decode() for k, v in pq.read_schema(file).metadata.items()}
    assert list(metadata) == [
        *("sample", "cut", "cut_settings", "molecule", "shard", "provenance", "rows"),
        *("fna_sha256", "faa_sha256"),
    ]
    assert json.loads(metadata["cut_settings"]) == {
        **{"window": 90, "scheme": "even", "frames": "open", "min_codons": 30},
        **{"max_ambiguous": 0.1, "max_per_window": None, "training": "all"},
    }
    assert int(metadata["rows"]) == len(read_records(file.with_suffix(".faa"))[0])
    for suffix in ("fna", "faa"):
        assert metadata[f"{suffix}_sha256"] == sha256(file.with_suffix(f".{suffix}"))
    provenance = json.loads(metadata["provenance"])
    assert set(provenance["inputs"]) == {"genome", "plan"}
    assert provenance["settings"]["genetic_code"] == 11


def test_a_second_run_gives_the_same_bytes(folder):
    frames(folder, "0001-of-0002", "again")
    for file in (folder / "again").iterdir():
        assert file.read_bytes() == (folder / "shards" / file.name).read_bytes()


def test_progress_counts_the_windows_of_the_shard(folder):
    kept = contig_frame(folder / "contigs.tsv")["kept_windows"].sum()
    log = frames(folder, "0001-of-0002", "again")
    assert f"frames: {kept // 2}/{kept // 2} windows (100%)" in log


def test_proteins_are_taken_whole(folder):
    tables = [read_table(folder / f"proteins/000{i}-of-0002.parquet") for i in (1, 2)]
    texts = [read_records(folder / f"proteins/000{i}-of-0002.faa") for i in (1, 2)]
    assert texts == [(["p1", "p3"], ["MKV", "MXXU"]), (["p4"], ["MA"])]
    assert not list((folder / "proteins").glob("*.fna"))
    assert tables[0]["row"].tolist() == [0, 1]
    assert tables[1]["row"].tolist() == [0, pd.NA]
    assert tables[1]["status"].tolist() == ["ok", "ambiguous"]
    assert tables[0].drop(columns="row").iloc[1].dropna().to_dict() == {
        **{"id": "p3", "contig": "p3", "window": 1, "start": 0, "end": 4},
        **{"frame_start": 0, "frame_end": 4, "length": 4, "ambiguous": 2, "status": "ok"},
    }


def test_a_shard_without_windows_has_files_without_rows(tmp_path):
    assert write_shard(str(tmp_path / "x"), (".fna", ".faa"), [], {"sample": "s"}) == 0
    assert pq.read_schema(tmp_path / "x.parquet").remove_metadata() == SCHEMA
    assert read_table(tmp_path / "x.parquet").empty
    assert read_records(tmp_path / "x.faa") == ([], [])


def test_a_shard_that_fails_leaves_nothing(tmp_path):
    def parts():
        yield SCHEMA.remove(0).empty_table(), {".faa": b">a\nM\n"}
        raise ValueError

    with pytest.raises(ValueError):
        write_shard(str(tmp_path / "x"), (".faa",), parts(), {})
    assert list(tmp_path.iterdir()) == []


def test_a_shard_without_proteins_is_empty(tmp_path):
    (tmp_path / "x.faa").write_text(">a\n*\n>b\n")
    paths = [tmp_path / name for name in ("g.gz", "g.gz.fai", "g.gz.gzi", "g.tsv")]
    write_sample(read_fasta([str(tmp_path / "x.faa")], "protein"), "protein", *paths)
    genome = open_genome(paths[0])
    layout = window_layout(genome, None)
    table, fasta = protein_batch(genome, layout, np.zeros(0, np.uint8), "0001-of-0001")
    assert (len(table), fasta) == (0, {".faa": b""})


@pytest.mark.parametrize(
    "command",
    [
        "plan.py --records g.tsv --contigs again.tsv --out again.parquet",
        "frames.py --sample s --cut-name w90 --plan plan.parquet --shard 1-of-1 --out again",
    ],
)
def test_a_small_job_does_not_load_pandas(folder, command):
    script, *words = command.split()
    command = [sys.executable, "-X", "importtime", SCRIPTS / script, *words, *CUT]
    command += ["--genome", "g.fa.gz"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    modules = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "pyarrow.lib" in modules
    assert "pandas._libs" not in modules  # the name alone is that of the import that was stopped
