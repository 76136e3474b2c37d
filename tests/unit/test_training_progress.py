"""Trainings that are killed, and trainings whose rows stay on the disk."""

import json
import re
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from learn_data import make_world, split_by_hand, write_split

import train as script
from seqloom.files.tensors import write_tensors
from seqloom.learn.features import StoredRows, chosen_frames, feature_matrix
from seqloom.learn.training import Examples, Recipe, train

EPOCHS = 120


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    world = make_world(folder)
    world.split = write_split(folder / "split.parquet", split_by_hand(world))
    return world


def words(world, folder, **changes):
    options = {"experiment": "toy", "split": world.split, "out": folder / "classifier"}
    options |= {"work": folder / "work", "hidden": 64, "batch-size": 4}
    options |= {"patience": 999, "max-epochs": EPOCHS} | changes
    made = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    return [*made, "--frames", *map(str, world.frames), "--fused", *map(str, world.fused)]


def run(world, folder, **changes):
    script.main(script.arguments().parse_args(words(world, folder, **changes)))
    return {path.name: path.read_bytes() for path in (folder / "classifier").iterdir()}


def test_a_killed_training_goes_on_and_ends_with_the_same_bytes(world, tmp_path, caplog):
    job = subprocess.Popen([sys.executable, script.__file__, *words(world, tmp_path / "killed")])
    history = tmp_path / "killed" / "work" / "seed-42" / "history.tsv"
    while job.poll() is None and (not history.exists() or len(pd.read_table(history)) < 3):
        time.sleep(0.01)
    job.kill()
    job.wait()
    done = len(pd.read_table(history))
    assert 3 <= done < EPOCHS and not (tmp_path / "killed" / "classifier").exists()
    caplog.set_level("INFO")
    again = run(world, tmp_path / "killed")
    # An epoch is kept before the history shows it.
    assert re.search(f"going on after ({done}|{done + 1}) epochs", caplog.text)
    assert again == run(world, tmp_path / "undisturbed")
    assert not (tmp_path / "killed" / "work").exists()


def test_progress_of_other_settings_is_not_used(world, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(script, "write_json", lambda *_: 1 / 0)
    for dropout in (0.1, 0.2):
        with pytest.raises(ZeroDivisionError):
            run(world, tmp_path, dropout=dropout, **{"max-epochs": 2})
    caplog.set_level("INFO")
    with pytest.raises(ZeroDivisionError):
        run(world, tmp_path, dropout=0.1, **{"max-epochs": 2})
    assert "going on" not in caplog.text
    with pytest.raises(ZeroDivisionError):
        run(world, tmp_path, dropout=0.1, **{"max-epochs": 2})
    assert "going on after 2 epochs" in caplog.text


def test_the_spread_over_seeds_is_told_and_the_first_is_saved(world, tmp_path):
    one, three = (
        run(world, tmp_path / str(n), **{"max-epochs": 2, "seeds": n, "seed": 7}) for n in (1, 3)
    )
    assert one["history.tsv"] == three["history.tsv"]
    spread = json.loads(three["classifier.json"])["seeds"]
    assert spread["count"] == 3 and spread["validation_loss"]["deviation"] > 0
    assert "Over 3 trainings with other seeds" in three["model_card.md"].decode()
    alone = json.loads(one["classifier.json"])["seeds"]
    assert alone["validation_loss"]["deviation"] is None


def test_rows_on_the_disk_are_those_of_the_matrix(world):
    frames = chosen_frames(world.split, world.frames, "train")
    matrix, stored = feature_matrix(frames, world.fused), StoredRows(frames, world.fused)
    assert stored.shape == matrix.shape and stored.nbytes == matrix.nbytes
    np.testing.assert_array_equal(stored[10:30], matrix[10:30])
    some = np.array([3, 4, 40, 41, 5])
    np.testing.assert_array_equal(stored[some], matrix[some])


ROWS, COLUMNS, MEGABYTES = 40_000, 1000, 60
RECIPE = Recipe(16, 0.5, "adamw", 0.001, 256, 2, 9, seed=1, memory_mb=MEGABYTES)


def sorted_examples(folder, read):
    """A training part of 160 MB with all hosts before all viruses, and a validation part."""
    frames = pd.DataFrame({"file": 0, "row": np.arange(ROWS), "id": "x"})
    viral = np.arange(ROWS) >= ROWS // 2
    few = frames[::20].reset_index(drop=True)
    return [
        Examples(read(rows, [folder / f"{part}.safetensors"]), labels)
        for part, rows, labels in (("train", frames, viral), ("validation", few, viral[::20]))
    ]


def auroc(parts):
    """The mean over three seeds, because that of one differs by as much as is asked."""
    trained = [train(*parts, replace(RECIPE, seed=seed)) for seed in (1, 2, 3)]
    return np.mean([t.history["auroc"].iloc[-1] for t in trained])


MEASURED = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from test_training_progress import *
def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1000
small = Examples(np.ones((600, COLUMNS), np.float32), np.arange(600) % 2 == 0)
train(small, small, RECIPE)
before = peak()
print(auroc(sorted_examples(Path(sys.argv[1]), StoredRows)), peak() - before)
"""


def test_rows_that_do_not_fit_are_shuffled_by_blocks_in_little_memory(tmp_path):
    random = np.random.default_rng(0)
    for part in ("train", "validation"):
        matrix = random.standard_normal((ROWS, COLUMNS), np.float32)
        matrix[ROWS // 2 :, :100] += 0.25
        write_tensors(tmp_path / f"{part}.safetensors", {"embedding": matrix}, {})
    job = [sys.executable, "-c", MEASURED, str(tmp_path)]
    paths = {"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1"}
    shown = subprocess.run(job, env=paths, stdout=subprocess.PIPE, check=True)
    by_blocks, megabytes = map(float, shown.stdout.split())
    assert megabytes < MEGABYTES
    torch.set_num_threads(1)
    assert by_blocks == pytest.approx(auroc(sorted_examples(tmp_path, feature_matrix)), abs=0.002)
    assert 0.9 < by_blocks < 0.99
