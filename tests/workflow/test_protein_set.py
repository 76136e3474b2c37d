"""A protein set embedded by two models, fused, exported and validated, as a user runs it."""

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from seqs_data import letters

from seqloom.files.tensors import read_metadata, read_tensor, write_tensors

SMALL = """
demo_small:
  architecture: esm
  molecule: protein
  width: 320
  parameters: 1
  pooling: mean_residues
  max_length: 2048
  dtype: float16
  demo: {seed: 5, num_hidden_layers: 1, hidden_size: 320, intermediate_size: 320}
"""
IDS = [f"P{number}" for number in range(20)]
NO_EXPERIMENTS = {"experiments": {}, "predict": {}, "simulate": None}
TARGETS = ("export", "validate", "report")


@pytest.fixture
def protein_set(fresh):
    """Twenty proteins in five shards, of which the last is the first again; one of X, one empty."""
    residues = b"ACDEFGHIKLMNPQRSTVWY"
    texts = [letters(seed, 60 + seed, residues).decode() for seed in range(19)]
    names = ["empty", *IDS, "unknown"]
    records = zip(names, ["", *texts, texts[0], "XXX"], strict=True)
    (fresh.folder / "p.faa").write_text("".join(f">{name}\n{text}\n" for name, text in records))
    (fresh.folder / "samples.tsv").write_text("sample\tfasta\tmolecule\nset\tp.faa\tprotein\n")
    with open(fresh.folder / "resources/models.yaml", "a") as registry:
        registry.write(SMALL)
    fresh.configure(
        fusions={"two": ["demo_esm2", "demo_small"]},
        protein_backends=["two"],
        residue_backends=["demo_small"],
        export=["pt", "npy", "hdf5", "uniprot"],
        embed={"shard_bases": 1000},
        **NO_EXPERIMENTS,
    )
    return fresh


def residues_of(project) -> int:
    lines = (project.folder / "p.faa").read_text().splitlines()
    return sum(len(line) for line in lines if not line.startswith(">"))


def test_a_protein_set_is_fused_exported_and_validated(protein_set):
    protein_set.run(*TARGETS)
    folder = protein_set.folder / "results/export"
    tensor = torch.load(folder / "pt/set.two.pt", weights_only=True)
    parts = [np.load(folder / f"npy/demo_{name}/whole/set.npy") for name in ("esm2", "small")]
    assert tensor.shape == (20, 1600)
    np.testing.assert_array_equal(tensor.numpy(), np.concatenate(parts, axis=1))
    assert (folder / "pt/set.two.ids.txt").read_text().split() == IDS
    with h5py.File(folder / "uniprot/two/whole/set.h5") as file:
        np.testing.assert_array_equal(file["P7"][:], tensor[7].numpy())
    with h5py.File(folder / "residues/demo_small/set.h5") as file:
        assert set(file) == set(IDS) and len(file["P7"]) == 67
        np.testing.assert_allclose(file["P7"][:].mean(axis=0), parts[1][7], rtol=0, atol=1e-5)
    records = pd.read_csv(
        protein_set.folder / "results/records/demo_esm2/set.tsv", sep="\t", keep_default_na=False
    )
    assert records["id"].tolist() == ["empty", *IDS, "unknown"], "in the order of the FASTA"
    assert records["status"].tolist() == ["empty", *["ok"] * 20, "ambiguous"]
    assert records["reason"][0] == "no sequence"
    assert records["reason"][21] == "all its residues are unknown"
    with h5py.File(folder / "hdf5/two/whole/set.h5") as file:
        assert file["embedding"].shape == (20, 1600)
    table = protein_set.folder / "results/validation/set.tsv"
    checks = pd.read_csv(table, sep="\t", keep_default_na=False)
    assert list(checks) == ["check", "backend", "result", "detail"]
    assert set(checks["result"]) == {"ok"} and set(checks["backend"]) == {
        *("", "demo_esm2", "demo_small")
    }
    summary = (protein_set.folder / "results/summary.txt").read_text().splitlines()
    assert summary[1:-1] == [
        f"  samples: 1, bases and residues: {residues_of(protein_set):,}",
        "  Random weights: these numbers show the plumbing, not biology.",
        "Protein sets",
        *(
            f"  set by demo_{name}: 20 of 22 records embedded, 2 without a known residue"
            for name in ("esm2", "small")
        ),
    ]
    page = (protein_set.folder / "results/report.html").read_text()
    assert "Protein sets" in page and "Experiments" not in page

    # A wrong row, written as a whole file is, so that no checksum tells.
    [shard, *_] = sorted(protein_set.folder.glob("results/embeddings/demo_small/whole/set/*"))
    content = shard.read_bytes()
    matrix = read_tensor(shard, "embedding")
    matrix[[1, 2]] = matrix[[2, 1]]
    pieces = read_tensor(shard, "pieces")
    write_tensors(shard, {"embedding": matrix, "pieces": pieces}, read_metadata(shard))
    done = protein_set.snakemake("validate")
    assert done.returncode == 1
    assert "error: 1 of 13 checks failed; see the table" in done.stdout
    [failed] = [line for line in table.read_text().splitlines() if "\tfailed\t" in line]
    assert failed in done.stdout, "the table is printed, and kept"
    assert failed.startswith("recomputed\tdemo_small\tfailed\t")
    assert protein_set.snakemake("validate").returncode == 1, "it stays failed"

    shard.write_bytes(content)
    assert "recomputed\tdemo_small\tok" in protein_set.run("validate")


def test_without_a_protein_sample_validate_says_what_is_missing(fresh):
    done = fresh.snakemake("validate")
    assert done.returncode == 1
    assert "error: there is no protein sample, or no protein_backends; add both" in done.stdout
