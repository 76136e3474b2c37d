#!/usr/bin/env python3
"""How fast one core trains the classifier: rows a second, and weights times rows."""

import time

import numpy as np
import torch

from seqloom.learn.training import Examples, Recipe, train

ROWS, COLUMNS, HIDDEN = 20_000, 2048, 512


def main() -> None:
    torch.set_num_threads(1)
    numbers = np.random.default_rng(1)
    matrix = numbers.standard_normal((ROWS, COLUMNS), dtype=np.float32)
    examples = Examples(matrix, numbers.random(ROWS) < 0.5)
    few = Examples(matrix[:1000], examples.viral[:1000])
    for optimizer in ("sgd", "adamw"):
        recipe = Recipe(HIDDEN, 0.5, optimizer, 2e-4, 32, max_epochs=1, patience=5, seed=1)
        start = time.process_time()
        train(examples, few, recipe)
        rows = ROWS / (time.process_time() - start)
        print(f"{optimizer}: {rows:.0f} rows, {rows * COLUMNS * HIDDEN:.2g} weights a second")


if __name__ == "__main__":
    main()
