"""The doctor as users run it: a process in a folder, on a copy of the package."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from seqloom.config.registry import Backend
from seqloom.embedding.engine import embed
from seqloom.embedding.loading import FILES, load_model
from seqloom.models.fetch import demo_source, write_model

REPOSITORY = Path(__file__).parents[2]
# Python imports this first; it stops any use of the network.
NO_NETWORK = """
import socket
def refuse(*_):
    raise SystemExit("the network was used")
socket.socket.connect = socket.getaddrinfo = refuse
"""
SEQUENCES = ["MKLVAAGW", "MPAGFRQ"]


def copied(folder: Path) -> Path:
    shutil.copytree(REPOSITORY / "workflow/scripts", folder / "workflow/scripts")
    shutil.copytree(REPOSITORY / "resources", folder / "resources")
    (folder / "envs").mkdir()
    shutil.copy(REPOSITORY / "envs/requirements.lock", folder / "envs")
    return folder


def doctor_report(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "sitecustomize.py").write_text(NO_NETWORK)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "SEQLOOM_"))}
    return subprocess.run(
        [sys.executable, "workflow/scripts/doctor.py"],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(folder)} | environment,
        capture_output=True,
        text=True,
    )


def tiny_model(folder: Path, name: str = "tiny", repository: str | None = None) -> Path:
    shape = {"hidden_size": 40, "num_hidden_layers": 1, "intermediate_size": 8}
    backend = Backend(
        name,
        "esm",
        "protein",
        40,
        "mean_residues",
        64,
        "float16",
        1,
        demo={"seed": 0} | shape,
    )
    source = replace(demo_source(backend), repository=repository)
    write_model(backend, source, folder / name / "0123456789ab", folder / "lock.json", False)
    return folder / name / "0123456789ab"


def write_goldens(house: Path, name: str, model: Path, off: float) -> None:
    """Write the vectors of `model` as goldens, shifted by `off`."""
    rows = embed(load_model(model, "float32", 1), SEQUENCES, SEQUENCES).rows.astype(float) + off
    cases = [
        {"sequence": sequence, "head": row[:16].tolist(), "norm": np.linalg.norm(row)}
        for sequence, row in zip(SEQUENCES, rows, strict=True)
    ]
    file = house / "resources/goldens.json"
    goldens = json.loads(file.read_text()) | {name: {"arithmetic": "float32", "cases": cases}}
    file.write_text(json.dumps(goldens))


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho '{text}'\n")
    (folder / name).chmod(stat.S_IRWXU)


def relocked(house: Path, old: str, new: str) -> None:
    lock = house / "envs/requirements.lock"
    text = lock.read_text()
    lock.write_text(re.sub(old, new, text, flags=re.MULTILINE))
    assert lock.read_text() != text


def line_of(report: subprocess.CompletedProcess[str], name: str) -> str:
    """The line about `name`."""
    [line] = [line for line in report.stdout.splitlines() if line.startswith(f"{name} ")]
    return line


def test_a_machine_without_models_needs_no_network(tmp_path):
    report = doctor_report(copied(tmp_path))
    assert report.returncode == 0, report.stdout + report.stderr
    assert report.stderr == ""
    assert len(report.stdout.splitlines()) < 60
    assert "broken" not in report.stdout
    assert line_of(report, "models").split()[1] == "0"
    for name in ("Python", "packages", "machine", "disk", "torch", "GPUs", "Triton", "attention"):
        assert line_of(report, name)
    assert not (tmp_path / "models").exists()


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    """A machine with right models, and advice about packages, Slurm and an unseen GPU."""
    house = copied(tmp_path_factory.mktemp("healthy"))
    tiny_model(house / "models")
    model = tiny_model(house / "models", "published", "someone/published")
    write_goldens(house, "published", model, off=1e-5)
    relocked(house, r"^numpy==.*", "numpy==1.0")
    program(house / "bin", "sbatch", "slurm-wlm 24.11")
    program(house / "bin", "squeue", "")
    program(house / "bin", "nvidia-smi", "GPU 0: NVIDIA RTX A6000 (UUID: GPU-12ab)")
    return doctor_report(house, PATH=f"{house}/bin:/usr/bin:/bin", HF_TOKEN="secret", HF_HOME="/x")


def test_right_models_pass(healthy):
    assert healthy.returncode == 0, healthy.stdout
    line = line_of(healthy, "models/published/0123456789ab")
    assert "checksums right; 2 golden vectors agree" in line
    line = line_of(healthy, "models/tiny/0123456789ab")
    assert "checksums right; no golden vectors, since these are not the published weights" in line


def test_another_package_version_gives_advice(healthy):
    assert f"advice: packages: numpy {np.__version__} instead of 1.0: run `pip" in healthy.stdout


def test_missing_slurm_commands_are_named(healthy):
    if shutil.which("scancel", path="/usr/bin:/bin"):
        pytest.skip("a Slurm is installed here")
    assert "slurm-wlm 24.11: sbatch, squeue" in line_of(healthy, "Slurm")
    assert "advice: Slurm: not on the PATH: scancel, sacct" in healthy.stdout


def test_a_gpu_that_torch_does_not_see_gives_advice(healthy):
    if torch.cuda.is_available():
        pytest.skip("torch sees a GPU here")
    assert "advice: GPUs: jobs are given GPU-12ab, but torch sees no GPU: install" in healthy.stdout


def test_the_token_stays_secret(healthy):
    assert "HF_HOME=/x" in healthy.stdout and "HF_TOKEN=..." in healthy.stdout
    assert "secret" not in healthy.stdout + healthy.stderr


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """A machine with a model for each kind of damage, a right model and a missing package."""
    house = copied(tmp_path_factory.mktemp("damaged"))
    for what, name in FILES.items():
        with open(tiny_model(house / "models", f"edited_{what}") / name, "a") as file:
            file.write(" ")
        (tiny_model(house / "models", f"lost_{what}") / name).unlink()
    (tiny_model(house / "models", "empty") / "model.json").unlink()
    (tiny_model(house / "models", "cut") / "model.json").write_text("{")
    model = tiny_model(house / "models", "moved", "someone/moved")
    write_goldens(house, "moved", model, off=0.5)
    tiny_model(house / "models", "right")
    relocked(house, r"\Z", "no-such-package==1.0\n")
    return doctor_report(house)


@pytest.mark.parametrize("what", sorted(FILES))
def test_an_edited_file_is_broken(damaged, what):
    assert damaged.returncode == 1 and "Traceback" not in damaged.stdout + damaged.stderr
    name = f"models/edited_{what}/0123456789ab"
    sentence = f"not the {what} that model.json names; remove its folder and run again"
    assert f"broken: {name}: {name}/{FILES[what]}: {sentence}" in damaged.stdout


@pytest.mark.parametrize("what", sorted(FILES))
def test_a_lost_file_is_broken(damaged, what):
    name = f"models/lost_{what}/0123456789ab"
    sentence = rf".*No such file.*{FILES[what]}'; remove it and run again to fetch anew$"
    assert re.search(f"^broken: {name}: {name}: {sentence}", damaged.stdout, re.MULTILINE)


def test_a_damaged_description_is_broken(damaged):
    assert (
        "broken: models/empty/0123456789ab: models/empty/0123456789ab: no model." in damaged.stdout
    )
    assert re.search(
        r"^broken: models/cut/\w+: .*model.json: damaged", damaged.stdout, re.MULTILINE
    )


def test_a_model_with_wrong_vectors_is_broken(damaged):
    sentence = "wrong vectors: golden sequence . of moved is .* off, .* fetch the model again"
    assert re.search(rf"^broken: models/moved/\w+: \S+: {sentence}", damaged.stdout, re.MULTILINE)


def test_a_missing_package_is_broken(damaged):
    assert "broken: packages: no-such-package is missing instead of 1.0: run" in damaged.stdout


def test_right_models_are_reported_beside_broken_ones(damaged):
    assert "checksums right" in line_of(damaged, "models/right/0123456789ab")
