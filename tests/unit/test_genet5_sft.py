"""sft.py is killed, stopped or shared by two processes, and its weights stay what they were."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from baked_run import SPECIES, write_baked_run
from safetensors.numpy import load_file

from seqloom.genet5.training_logs import EVAL_COLUMNS, MEASURED, MEMORY_COLUMNS, TRAINING_COLUMNS

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
STEPS = 12
OPTIONS = ["--species", SPECIES, "--steps", STEPS, "--batch", 8, "--tokens-per-batch", 1000]
OPTIONS += ["--lr", 1e-3, "--evaluate-every", 5, "--evaluate-windows", 4, "--keep-every", 6]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    """A baked run and a tiny model."""
    folder = tmp_path_factory.mktemp("inputs")
    write_baked_run(folder / "baked", 1)
    write_model(folder, "model")
    return folder


def write_model(folder: Path, name: str, *options: object) -> None:
    sizes = ["--width", 32, "--layers", 1, "--heads", 4, "--inner", 48]
    command = [SCRIPTS / "init_genet5.py", "--baked", folder / "baked", *sizes, *options]
    made = [sys.executable, *map(str, command), "--out", str(folder / name)]
    subprocess.run(made, check=True, capture_output=True)


def start(inputs: Path, out: Path, *options: object, ranks: int = 1) -> subprocess.Popen:
    python = [sys.executable]
    if ranks > 1:
        python += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    fixed = ["--model", inputs / "model", "--baked", inputs / "baked", *OPTIONS]
    command = [*python, SCRIPTS / "sft.py", *fixed, "--out", out, *options]
    return subprocess.Popen(
        list(map(str, command)),
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def ended(job: subprocess.Popen) -> tuple[int, str]:
    log = job.communicate()[1]
    return job.returncode, log


def trained(inputs: Path, out: Path, *options: object, ranks: int = 1) -> Path:
    code, log = ended(start(inputs, out, *options, ranks=ranks))
    assert code == 0, log
    return out


@pytest.fixture(scope="module")
def undisturbed(inputs) -> Path:
    return trained(inputs, inputs / "undisturbed")


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    """The rows of a table, without what is measured."""
    with open(folder / name) as file:
        return [
            {key: value for key, value in row.items() if key not in MEASURED}
            for row in csv.DictReader(file)
        ]


def results(folder: Path) -> dict:
    """All that must not depend on interruptions."""
    models = {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("*/model.safetensors"))
    }
    return models | {name: rows(folder, name) for name in ("training_log.csv", "eval_log.csv")}


def wait_for_step(job: subprocess.Popen, out: Path, step: int) -> None:
    table = out / "training_log.csv"
    while not table.exists() or len(table.read_text().splitlines()) <= step:
        assert job.poll() is None, job.stderr.read()
        time.sleep(0.02)


def test_a_training_leaves_models_and_tables(inputs, undisturbed):
    names = {"best", "latest", "step_6", "step_12"}
    assert {path.name for path in undisturbed.iterdir() if path.is_dir()} == names
    table = rows(undisturbed, "training_log.csv")
    assert [row["global_step"] for row in table] == [str(n) for n in range(1, STEPS + 1)]
    assert [row["global_step"] for row in table if row["val_loss"]] == ["5", "10", "12"]
    assert {row["num_batches"] for row in table} == {"5"}
    assert [row["batch"] for row in table[:6]] == ["1", "2", "3", "4", "5", "1"]
    assert [row["epoch"] for row in table] == ["1"] * 5 + ["2"] * 5 + ["3"] * 2
    assert float(table[-1]["train_loss"]) < float(table[0]["train_loss"])
    for name, columns in (
        ("training_log.csv", TRAINING_COLUMNS),
        ("eval_log.csv", EVAL_COLUMNS),
        ("memory.csv", MEMORY_COLUMNS),
    ):
        assert (undisturbed / name).read_text().splitlines()[0] == ",".join(columns)
    [*_, evaluated] = rows(undisturbed, "eval_log.csv")
    assert (evaluated["global_step"], evaluated["num_samples"]) == ("12", "4")
    assert int(evaluated["num_ref"]) >= 4 and evaluated["exon_recall"]
    config = json.loads((undisturbed / "finetune_config.json").read_text())
    assert config["recipe"]["steps"] == STEPS and config["training_windows"] > 20
    weights = load_file(undisturbed / "latest/model.safetensors")
    assert all(values.dtype == np.float32 for values in weights.values())
    # The same command finds everything done.
    before = results(undisturbed)
    assert results(trained(inputs, undisturbed)) == before


@pytest.mark.parametrize("step", [2, 7])
def test_a_killed_training_goes_on_and_ends_with_the_same_bytes(
    inputs, undisturbed, tmp_path, step
):
    out = tmp_path / "out"
    job = start(inputs, out)
    wait_for_step(job, out, step)
    job.kill()
    assert ended(job)[0] == -signal.SIGKILL and (out / "latest").exists() == (step > 5)
    code, log = ended(start(inputs, out))
    assert code == 0 and ("going on after step 5 of 12" in log) == (step > 5), log
    assert results(out) == results(undisturbed)
    assert not list(out.glob(".*.latest"))


def test_a_stopped_training_saves_its_step_and_says_try_again(inputs, undisturbed, tmp_path):
    out = tmp_path / "out"
    job = start(inputs, out)
    wait_for_step(job, out, 3)
    job.terminate()
    code, log = ended(job)
    assert code == os.EX_TEMPFAIL and "stopped by SIGTERM; the same command" in log
    assert "Traceback" not in log and (out / "latest").exists()
    code, log = ended(start(inputs, out))
    assert code == 0 and "going on after step" in log, log
    assert results(out) == results(undisturbed)


def test_other_settings_do_not_go_on_and_a_second_process_is_refused(inputs, tmp_path):
    out = tmp_path / "out"
    first = start(inputs, out)
    wait_for_step(first, out, 1)
    first.send_signal(signal.SIGSTOP)
    code, log = ended(start(inputs, out))
    first.terminate()
    first.send_signal(signal.SIGCONT)
    assert code == 1 and ": another run is using this folder" in log
    assert ended(first)[0] == os.EX_TEMPFAIL
    code, log = ended(start(inputs, out, "--clip", 2))
    [sentence] = [line for line in log.splitlines() if line.startswith("error")]
    assert code == 1 and "began with clip 1.0, not 2.0; give another --out" in sentence


def check_near(model: Path, one: Path, other: Path) -> None:
    """The same losses, and the same weights but for the order of sums."""
    for name, column, allowed in (
        ("training_log.csv", "train_loss", 2e-4),
        ("training_log.csv", "val_loss", 2e-4),
        ("eval_log.csv", "num_ref", 0),
    ):
        pairs = zip(rows(one, name), rows(other, name), strict=True)
        for before, after in pairs:
            assert bool(before[column]) == bool(after[column])
            assert float(before[column] or 0) == pytest.approx(
                float(after[column] or 0), abs=allowed
            )
    begin = load_file(model / "model.safetensors")
    before, after = (load_file(folder / "latest/model.safetensors") for folder in (one, other))
    # Biases of keys have no gradient but noise, which AdamW makes large.
    names = [name for name in begin if not name.endswith("bias")]
    changes = np.concatenate([(before[name] - begin[name]).ravel() for name in names])
    apart = np.concatenate([(before[name] - after[name]).ravel() for name in names])
    assert np.linalg.norm(apart) < 0.005 * np.linalg.norm(changes)


@pytest.mark.parametrize("experts", [1, 3])
def test_two_ranks_train_like_one(inputs, undisturbed, tmp_path, experts):
    alone, model = undisturbed, inputs / "model"
    if experts > 1:
        write_model(inputs, "experts", "--experts", experts, "--top-k", 2)
        model = inputs / "experts"
        alone = trained(inputs, tmp_path / "alone", "--model", model)
    both = trained(inputs, tmp_path / "both", "--model", model, ranks=2)
    check_near(model, alone, both)
    assert (both / "memory.rank1.csv").exists()


def test_a_killed_rank_stops_all_and_the_same_command_goes_on(inputs, undisturbed, tmp_path):
    out = tmp_path / "out"
    job = start(inputs, out, ranks=2)
    wait_for_step(job, out, 6)
    children = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
    ranks = {
        int(pair.partition(b"=")[2]): int(child)
        for child in children
        for pair in Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        if pair.startswith(b"RANK=")
    }
    os.kill(ranks[1], signal.SIGKILL)
    code, log = ended(job)
    assert code != 0, log
    assert "another rank ended or cannot be reached" in log or "stopped by SIGTERM" in log, log
    code, log = ended(start(inputs, out, ranks=2))
    assert code == 0 and "going on after step" in log, log
    check_near(inputs / "model", undisturbed, out)
