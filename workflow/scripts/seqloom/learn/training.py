"""The training loop, which keeps the weights of the best validation epoch."""

import copy
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from seqloom.config.labels import LABELS
from seqloom.config.recipes import STANDARD
from seqloom.embedding.resume import Work
from seqloom.errors import InputError
from seqloom.learn.checkpoints import Progress, going_on, keep
from seqloom.learn.classifier import BATCH, Network, network_log_odds
from seqloom.learn.features import StoredRows
from seqloom.learn.metrics import binary_metrics
from seqloom.learn.scores import IDENTITY, calibrated, log_losses

log = logging.getLogger(__name__)

MOMENTUM = 0.9
DECAY, DECAY_EPOCHS = 0.85, 10
BLOCK = 32  # neighbors that are read together where rows stay on the disk
ROOM = 0.5  # the share of a GPU's free memory that all rows may take
HISTORY_METRICS = ("accuracy", "precision", "recall", "f1", "auroc")


@dataclass(frozen=True)
class Recipe:
    """The training settings; `recipe` is the name of one in config/recipes.py."""

    hidden: int
    dropout: float
    optimizer: str
    lr: float
    batch_size: int
    max_epochs: int
    patience: int
    seed: int
    recipe: str = STANDARD
    memory_mb: int = 4000


@dataclass(frozen=True)
class Examples:
    """Rows of a fused matrix, whether each is viral, and what it weighs in the loss (mean 1)."""

    matrix: np.ndarray | StoredRows
    viral: np.ndarray
    weight: np.ndarray | None = None


@dataclass(frozen=True)
class Trained:
    """The network of the best epoch, and the training history."""

    network: Network
    best_epoch: int
    history: pd.DataFrame


def frame_weights(frames: pd.DataFrame) -> np.ndarray:
    """Weights of mean 1 under which both labels weigh the same.

    In a label, categories and their groups weigh as the square root of their number of frames, so
    that neither a large one decides nor a frame of a small one.
    """
    category = frames.groupby(["label", "category"])["label"].transform("size")
    group = frames.groupby(["label", "category", "group"])["label"].transform("size")
    weight = 1 / np.sqrt(category * group)
    total = weight.groupby(frames["label"]).transform("sum")
    return (weight / total * len(frames) / frames["label"].nunique()).to_numpy()


def train(
    training: Examples, validation: Examples, recipe: Recipe, work: Work | None = None
) -> Trained:
    """Train until the validation loss has not improved for `patience` epochs.

    With `work` each epoch is kept, and a training that was killed goes on.
    """
    _check_labels(training, validation)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(recipe.seed)
    network = Network(training.matrix.shape[1], recipe.hidden, recipe.dropout).to(device)
    if recipe.recipe == STANDARD:
        network.standardize(training.matrix)
    progress = Progress(network, _optimizer(network, recipe), {}, [])
    if work:
        going_on(progress, work)
    matrix = _on_device(training.matrix, device)
    while not _is_over(progress.history, recipe):
        train_epoch(progress, matrix, training, recipe)
        _validate_epoch(progress, validation)
        if work:
            keep(progress, work)
    network.load_state_dict(progress.best)
    best = _best_epoch(progress.history)
    return Trained(network.cpu().eval(), best, pd.DataFrame(progress.history))


def spread(histories: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """Number of trainings; mean and standard deviation of the best epoch's figures over them."""
    names = ["validation_loss", *HISTORY_METRICS]
    best = pd.DataFrame([h.loc[h["validation_loss"].idxmin(), names] for h in histories]).astype(
        float
    )
    figures = {"mean": best.mean(), "deviation": best.std()}
    return {"count": len(histories)} | {
        name: {key: None if np.isnan(v[name]) else float(v[name]) for key, v in figures.items()}
        for name in names
    }


def _best_epoch(history: list[dict[str, float]]) -> int:
    return min(history, key=lambda row: row["validation_loss"], default={"epoch": 0})["epoch"]


def _is_over(history: list[dict[str, float]], recipe: Recipe) -> bool:
    epoch = len(history)
    return epoch == recipe.max_epochs or epoch - _best_epoch(history) >= recipe.patience


def _check_labels(training: Examples, validation: Examples) -> None:
    for part, examples in (("train", training), ("validation", validation)):
        for label, is_it in zip(LABELS, (~examples.viral, examples.viral), strict=True):
            if not is_it.any():
                raise InputError(
                    f"the {part} part of the split has no {label} frame, so there is nothing to "
                    f"tell apart; add {label} genomes of more groups"
                )


def _optimizer(network: Network, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(network.parameters(), lr=recipe.lr)
    return torch.optim.SGD(network.parameters(), lr=recipe.lr, momentum=MOMENTUM)


def _on_device(matrix: np.ndarray | StoredRows, device: torch.device) -> torch.Tensor | StoredRows:
    """The rows as a tensor; on a GPU with room for them, all of them there (never run)."""
    if device.type == "cuda" and matrix.nbytes < ROOM * torch.cuda.mem_get_info(device)[0]:
        rows = torch.empty(matrix.shape, dtype=torch.from_numpy(matrix[:0]).dtype, device=device)
        for start in range(0, len(matrix), BATCH):
            part = torch.from_numpy(matrix[start : start + BATCH])
            rows[start : start + BATCH] = part.to(device)
        return rows
    return matrix if isinstance(matrix, StoredRows) else torch.from_numpy(matrix)


def _pools(
    matrix: torch.Tensor | StoredRows, memory_mb: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Rows to shuffle together, and their numbers: all, or blocks from all over the disk."""
    if isinstance(matrix, torch.Tensor):
        yield matrix, torch.arange(len(matrix))
        return
    blocks = torch.arange(len(matrix)).split(BLOCK)
    # Half of the memory: rows are copied once, and the network is there.
    count = -(-matrix.nbytes // (memory_mb * 500_000))
    pools = torch.randperm(len(blocks)).tensor_split(count)
    buffer = np.empty((len(pools[0]) * BLOCK, matrix.shape[1]), matrix.dtype)
    for picked in pools:
        numbers = torch.cat([blocks[block] for block in picked.sort().values])
        pool = buffer[: len(numbers)]
        matrix.read(numbers.numpy(), pool)
        yield torch.from_numpy(pool), numbers


def train_epoch(
    progress: Progress, matrix: torch.Tensor | StoredRows, examples: Examples, recipe: Recipe
) -> None:
    """Train on all examples once, in an order that follows from seed and epoch."""
    network, optimizer = progress.network.train(), progress.optimizer
    epoch, count = len(progress.history) + 1, len(examples.viral)
    torch.manual_seed(int(np.random.SeedSequence((recipe.seed, epoch)).generate_state(1)[0]))
    lr = recipe.lr * DECAY ** ((epoch - 1) // DECAY_EPOCHS)
    optimizer.param_groups[0]["lr"] = lr
    device = network.mean.device
    viral = torch.tensor(examples.viral, dtype=torch.long, device=device)
    weight = np.ones(count) if examples.weight is None else examples.weight
    weight = torch.tensor(weight, dtype=torch.float32, device=device)
    total = torch.zeros((), device=device)
    for pool, numbers in _pools(matrix, recipe.memory_mb):
        # Batches of almost equal size; BatchNorm could not normalize a last batch of one row.
        for rows in torch.randperm(len(pool)).tensor_split(max(1, len(pool) // recipe.batch_size)):
            batch = pool[rows.to(pool.device)].to(device).float()
            chosen = numbers[rows].to(device)
            each = nn.functional.cross_entropy(network(batch), viral[chosen], reduction="none")
            loss = (each * weight[chosen]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
    progress.history.append({"epoch": epoch, "lr": lr, "train_loss": total.item() / count})


def _validate_epoch(progress: Progress, validation: Examples) -> None:
    """Complete the row of the epoch, and keep its weights if they are the best."""
    row = progress.history[-1]
    scores = network_log_odds(progress.network, validation.matrix)
    losses = log_losses(validation.viral, scores)
    row["validation_loss"] = float(np.average(losses, weights=validation.weight))
    if not np.isfinite(row["validation_loss"]):
        raise InputError(f"training diverged in epoch {row['epoch']}; lower the learning rate `lr`")
    metrics = binary_metrics(validation.viral, calibrated(scores, IDENTITY))
    row |= {name: metrics[name] for name in HISTORY_METRICS}
    log.info("epoch %(epoch)d: loss %(train_loss).4f, validation %(validation_loss).4f", row)
    if _best_epoch(progress.history) == row["epoch"]:
        # state_dict() holds references to weights that training changes.
        progress.best = copy.deepcopy(progress.network.state_dict())
