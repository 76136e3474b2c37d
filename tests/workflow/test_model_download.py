"""Weights from a stand-in for the hub: one local job downloads, and no other uses the network."""

import json
import shutil

import pytest
import torch
import yaml
from hub_stand_in import cut_after, serving
from models_data import TINY_ENTRY, TINY_ESM
from safetensors.torch import load_file, save

from seqloom.encoders.architectures import build_encoder

COMMIT = "1" * 40
NAME = TINY_ENTRY["repository"]
CONFIG = {
    "simulate": None,
    "fusions": {},
    "experiments": {},
    "predict": {},
    "export": [],
    "protein_backends": ["tiny"],
}
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def hub():
    wanted = build_encoder("esm", TINY_ESM, "test").state_dict()
    tensors = {name: torch.randn(tensor.shape) for name, tensor in wanted.items()}
    with serving() as hub:
        hub.publish(
            NAME,
            COMMIT,
            {
                "config.json": json.dumps(TINY_ESM).encode(),
                "model.safetensors": save(tensors),
                "modeling_tiny.py": b"raise SystemExit('code from strangers')",
            },
        )
        hub.tensors = tensors
        yield hub


@pytest.fixture
def project(fresh, tmp_path, monkeypatch):
    """One protein, and a backend that has not been downloaded."""
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    registry = fresh.folder / "resources/models.yaml"
    registry.write_text(registry.read_text() + yaml.safe_dump({"tiny": TINY_ENTRY}))
    (fresh.folder / "proteins.faa").write_text(">a\nMKVLAA\n>b\nMSTNPKPQR\n")
    (fresh.folder / "samples.tsv").write_text(
        "sample\tfasta\tmolecule\nproteins\tproteins.faa\tprotein\n"
    )
    fresh.configure(**CONFIG)
    return fresh


def test_one_local_job_downloads_and_no_other_needs_the_network(
    project, hub, tmp_path, monkeypatch
):
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    assert project.planned("embed")["fetch_model"] == 1

    monkeypatch.setenv("HF_ENDPOINT", hub.root)
    hub.faults.append(("/content/", cut_after(1000)))
    # There is no Slurm here, so this succeeds only if the job runs where Snakemake does.
    slurm = ("--executor", "slurm", "--jobs", "1", "--slurm-init-seconds-before-status-checks", "1")
    project.run("embed", "--until", "fetch_model", *slurm)
    assert hub.ranges() == [None, "bytes=1000-"]
    assert hub.files() == {"config.json", "model.safetensors"}
    [weights] = (project.folder / "models").rglob("*.safetensors")
    assert [path.name for path in weights.parents[1].iterdir()] == [weights.parent.name]
    assert not list((tmp_path / "cache").rglob("*.safetensors"))
    found = load_file(weights)
    assert found.keys() == hub.tensors.keys()
    assert all(torch.equal(found[name], hub.tensors[name]) for name in found)
    lock = json.loads((project.folder / "models/lock.json").read_text())
    assert lock["tiny"]["revision"] == COMMIT

    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    hub.requests.clear()
    project.run("embed")
    [matrix] = (project.folder / "results/embeddings/tiny").rglob("*.safetensors")
    assert load_file(matrix)["embedding"].shape == (2, 16)
    assert project.planned("embed") == {}
    assert hub.requests == []

    # As on another machine that models/ was copied to.
    shutil.rmtree(project.folder / "results")
    shutil.rmtree(project.folder / ".snakemake")
    planned = project.planned("embed")
    assert planned["embed"] == 1 and "fetch_model" not in planned
