#!/usr/bin/env python3
"""An epoch of training: ours, the published data set class, and the arithmetic alone.

Seconds of one core, of the processor; the ways take turns, and the best of three rounds counts.
"""

import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from seqloom.config.recipes import RECIPES, STANDARD
from seqloom.files.tensors import write_tensors
from seqloom.learn.checkpoints import Progress
from seqloom.learn.classifier import Network
from seqloom.learn.features import StoredRows, feature_matrix
from seqloom.learn.training import Examples, Recipe, train_epoch

ROWS, MANY_ROWS, COLUMNS, ROUNDS, MEMORY_MB = 8192, 100_000, 2048, 3, 40
WAYS = ("in order", "published", "ours", "ours, from the disk")


class Rows(Dataset):
    """As published: a list of tensors in memory, one for each row."""

    def __init__(self, matrix: np.ndarray, viral: np.ndarray) -> None:
        self.rows = [torch.tensor(row) for row in matrix]
        self.labels = [torch.tensor(int(label)) for label in viral]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.rows[number], self.labels[number]


def steps(progress: Progress, batches) -> None:
    """The arithmetic of an epoch over batches of rows and labels."""
    network, total = progress.network.train(), torch.zeros(())
    for rows, labels in batches:
        each = nn.functional.cross_entropy(network(rows), labels, reduction="none")
        loss = (each * torch.ones(len(rows))).mean()
        progress.optimizer.zero_grad()
        loss.backward()
        progress.optimizer.step()
        total += loss.detach() * len(rows)


def epoch_of(way: str, file: Path, rows: int, recipe: Recipe):
    """A function without arguments that trains for an epoch; what it reads is made ready here."""
    frames = pd.DataFrame({"file": 0, "row": np.arange(rows), "id": "x"})
    viral = np.arange(rows) % 2 == 1
    network = Network(COLUMNS, recipe.hidden, recipe.dropout)
    progress = Progress(network, torch.optim.AdamW(network.parameters(), recipe.lr), {}, [])
    if way == "ours, from the disk":
        stored = StoredRows(frames, [file])
        return lambda: train_epoch(progress, stored, Examples(stored, viral), recipe)
    matrix = feature_matrix(frames, [file])
    if way == "ours":
        tensor = torch.from_numpy(matrix)
        return lambda: train_epoch(progress, tensor, Examples(matrix, viral), recipe)
    if way == "published":
        loader = DataLoader(Rows(matrix, viral), recipe.batch_size, shuffle=True)
        return lambda: steps(progress, loader)
    tensor, labels = torch.from_numpy(matrix), torch.from_numpy(viral).long()
    parts = [part.tensor_split(rows // recipe.batch_size) for part in (tensor, labels)]
    return lambda: steps(progress, zip(*parts, strict=True))


def peak_mb() -> float:
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1000


def write_rows(file: Path, rows: int) -> Path:
    matrix = np.random.default_rng(1).standard_normal((rows, COLUMNS), np.float32)
    write_tensors(file, {"embedding": matrix}, {})
    return file


def compare_speed(folder: Path) -> None:
    file = write_rows(folder / "few.safetensors", ROWS)
    for batch_size in (32, 64):
        recipe = replace(recipe_of(), batch_size=batch_size)
        epochs = {way: epoch_of(way, file, ROWS, recipe) for way in WAYS}
        best = dict.fromkeys(WAYS, np.inf)
        for _ in range(ROUNDS):
            for way, epoch in epochs.items():
                start = time.process_time()
                epoch()
                best[way] = min(best[way], time.process_time() - start)
        for way, seconds in best.items():
            rate = ROWS / seconds
            figures = f"{seconds:.2f} | {seconds / best['in order']:.2f} | {rate:,.0f}"
            print(f"| {batch_size} | {way} | {figures} | {rate * COLUMNS * recipe.hidden:.1e} |")


def recipe_of() -> Recipe:
    return Recipe(**RECIPES[STANDARD], seed=1, memory_mb=MEMORY_MB)


def main() -> None:
    torch.set_num_threads(1)
    if sys.argv[1:]:
        way, file = sys.argv[1:]
        before = peak_mb()
        epoch_of(way, Path(file), MANY_ROWS, replace(recipe_of(), batch_size=1024))()
        print(f"{peak_mb() - before:,.0f}")
        return
    with tempfile.TemporaryDirectory() as name:
        print("| batch | way | CPU s | to the floor | rows/s | weights/s |")
        print("|---|---|---|---|---|---|")
        compare_speed(Path(name))
        file = write_rows(Path(name) / "many.safetensors", MANY_ROWS)
        print(f"\n| {MANY_ROWS:,} rows, {file.stat().st_size / 1e6:,.0f} MB | MB |\n|---|---|")
        for way in WAYS:
            job = [sys.executable, __file__, way, str(file)]
            shown = subprocess.run(job, stdout=subprocess.PIPE, text=True, check=True).stdout
            print(f"| {way} | {shown.strip()} |", flush=True)


if __name__ == "__main__":
    main()
