"""Proteins that fail are named and left out; residues add up to their protein."""

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from models_data import write_tiny_model

from seqloom.embedding.records import records_of
from seqloom.files.tensors import read_metadata, read_tensor, write_tensors

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
# The tiny model reads 50 tokens, hence 48 residues.
PROTEINS = {"short": "MKVLW", "titin": "MKVLA" * 30, "again": "MKVLW", "last": "ACDEF" * 9}


def run(script: str, *options: object) -> subprocess.CompletedProcess:
    command = [sys.executable, SCRIPTS / f"{script}.py", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def shard(tmp_path_factory) -> Path:
    """A model folder, and a shard whose third record has no known residue; an empty one follows."""
    folder = tmp_path_factory.mktemp("set")
    write_tiny_model(folder / "model", "protein")
    fasta = "".join(f">{name}\n{sequence}\n" for name, sequence in PROTEINS.items())
    (folder / "shard.faa").write_text(fasta)
    names = list(PROTEINS)
    contigs = ["contig\tkept_windows\tstatus\treason", *(f"{name}\t1\tok\t" for name in names)]
    contigs[3:3] = ["unknown\t1\tall_ambiguous\tonly X", "empty\t0\tempty\tno sequence"]
    (folder / "contigs.tsv").write_text("\n".join(contigs) + "\n")
    columns = {
        "row": pa.array([0, 1, None, 2, 3], pa.int32()),
        "id": [*names[:2], "unknown", *names[2:]],
        "end": [*(len(PROTEINS[name]) for name in names[:2]), 7, 5, 45],
        "status": ["ok", "ok", "ambiguous", "ok", "ok"],
    }
    facts = {"sample": "set", "cut": "whole", "cut_settings": "{}", "shard": "0001-of-0001"}
    facts |= {"rows": "4", "faa_sha256": sha256(fasta.encode()).hexdigest()}
    pq.write_table(pa.table(columns).replace_schema_metadata(facts), folder / "shard.parquet")
    return folder / "shard"


def embedded(shard: Path, out: Path, *options: object) -> Path:
    options = ("--model", shard.with_name("model"), "--shard", shard, "--out", out, *options)
    result = run("embed", *options)
    assert result.returncode == 0, result.stderr
    return out


@pytest.fixture(scope="module")
def split(shard, tmp_path_factory) -> Path:
    """The embedding of all, in pieces where they are long."""
    return embedded(
        shard, tmp_path_factory.mktemp("split") / "x.safetensors", "--too-long", "split"
    )


def test_without_skip_the_first_protein_that_fails_is_named_and_nothing_is_written(shard, tmp_path):
    out = tmp_path / "x.safetensors"
    result = run("embed", "--model", shard.with_name("model"), "--shard", shard, "--out", out)
    assert result.returncode == 1 and not out.exists()
    assert 'record "titin": 150 residues, but tiny_protein reads at most 50 tokens' in result.stderr


def test_a_protein_that_fails_is_nan_and_named_and_exports_leave_it_out(shard, split, tmp_path):
    one = embedded(shard, tmp_path / "one.safetensors", "--failures", "skip")
    rows = read_tensor(one, "embedding")
    assert np.isnan(rows[1]).all() and np.isfinite(rows[[0, 2, 3]]).all()
    np.testing.assert_array_equal(rows[0], rows[2])

    frames = ("--frames", f"{shard}.parquet")
    words = ("--contigs", shard.with_name("contigs.tsv"), *frames, "--embeddings", one)
    assert run("records", *words, "--out", tmp_path / "r.tsv").returncode == 0
    records = pd.read_csv(tmp_path / "r.tsv", sep="\t", keep_default_na=False)
    assert records["id"].tolist() == ["short", "titin", "unknown", "empty", "again", "last"]
    assert records["status"].tolist() == ["ok", "failed", "ambiguous", "empty", "ok", "ok"]
    assert records["pieces"].tolist() == [1, 0, 0, 0, 1, 1]
    assert records["residues"].tolist() == [5, 150, 7, 0, 5, 45]
    assert records["reason"][3] == "no sequence"
    assert records["reason"][1].startswith("150 residues, but tiny_protein reads at most 50")

    twice = tmp_path / "twice.safetensors"
    options = ("--fusion", "both", *frames, "--embeddings", one, one, "--out", twice)
    assert run("fuse", *options).returncode == 0
    reason = "tiny_protein: " + records["reason"][1]
    assert json.loads(read_metadata(twice)["failures"]) == {"1": f"{reason}; {reason}"}

    fused = tmp_path / "fused.safetensors"
    options = ("--fusion", "both", *frames, "--embeddings", split, one, "--out", fused)
    assert run("fuse", *options).returncode == 0
    assert read_metadata(fused)["failures"].startswith('{"1": "tiny_protein: 150 residues')
    for matrix in (one, fused):
        npy = tmp_path / "m.npy"
        assert run("export", "npy", *frames, "--embeddings", matrix, "--out", npy).returncode == 0
        expected = np.delete(read_tensor(matrix, "embedding"), 1, axis=0)
        np.testing.assert_array_equal(np.load(npy), expected)
        assert npy.with_suffix(".ids.txt").read_text().split() == ["short", "again", "last"]
        assert '"titin": ' in npy.with_suffix(".json").read_text()


def test_a_record_that_was_read_again_says_in_which_dtype_and_why(shard, tmp_path):
    one = embedded(shard, tmp_path / "one.safetensors", "--failures", "skip")
    # As float16 on a GPU gives it.
    metadata = read_metadata(one) | {"dtype": "float16", "redone": '{"bfloat16": [2]}'}
    names = ("embedding", "pieces")
    write_tensors(one, {name: read_tensor(one, name) for name in names}, metadata)
    [*_, again, last] = records_of(shard.with_suffix(".parquet"), one)
    assert (again["status"], again["dtype"]) == ("ok", "bfloat16")
    assert again["reason"] == "not finite in float16, so read in bfloat16"
    assert (last["dtype"], last["reason"]) == ("float16", "")


def test_the_residues_of_each_protein_have_its_embedding_as_mean(shard, split, tmp_path):
    whole, options = read_tensor(split, "embedding"), ("--too-long", "split", "--residues")
    single = embedded(shard, tmp_path / "single.safetensors", *options)
    assert read_tensor(single, "counts").tolist() == [5, 150, 5, 45]
    out = tmp_path / "x.h5"
    lists = ("--frames", f"{shard}.parquet", "--residues", single)
    assert run("export", "residues", *lists, "--out", out).returncode == 0
    with h5py.File(out) as file:
        assert sorted(file) == sorted(PROTEINS)
        for name, row in zip(PROTEINS, whole, strict=True):
            assert len(file[name]) == len(PROTEINS[name])
            np.testing.assert_allclose(file[name][:].mean(axis=0), row, rtol=0, atol=2e-6)


@pytest.fixture(scope="module")
def residues(shard, tmp_path_factory) -> Path:
    """Those of all but one protein, which fails."""
    out = tmp_path_factory.mktemp("residues") / "1.safetensors"
    return embedded(shard, out, "--failures", "skip", "--residues")


def test_residues_of_a_protein_that_fails_are_left_out(shard, residues, tmp_path):
    assert read_tensor(residues, "counts").tolist() == [5, 0, 5, 45]
    assert len(read_tensor(residues, "residues")) == 55
    out = tmp_path / "x.h5"
    lists = ("--frames", f"{shard}.parquet", "--residues", residues)
    assert run("export", "residues", *lists, "--out", out).returncode == 0
    with h5py.File(out) as file:
        assert sorted(file) == sorted(PROTEINS.keys() - {"titin"})
        [(name, reason)] = json.loads(file.attrs["failures"]).items()
        assert name == "titin" and "150 residues" in reason


def test_residues_of_two_models_are_not_one_file(shard, residues, tmp_path):
    tensors = {name: read_tensor(residues, name) for name in ("residues", "counts", "pieces")}
    other, out = tmp_path / "2.safetensors", tmp_path / "x.h5"
    write_tensors(other, tensors, read_metadata(residues) | {"weights_sha256": "other"})
    lists = ("--frames", *[f"{shard}.parquet"] * 2, "--residues", residues, other)
    done = run("export", "residues", *lists, "--out", out)
    assert done.returncode == 1 and not out.exists()
    assert f"{other}: its weights_sha256 is not that of {residues}; embed both alike" in done.stderr
