"""The training loop, which keeps the weights of the best validation epoch."""

import copy
import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn

from seqloom.config.labels import LABELS
from seqloom.config.recipes import STANDARD
from seqloom.errors import InputError
from seqloom.learn.classifier import Network, network_log_odds
from seqloom.learn.metrics import binary_metrics
from seqloom.learn.scores import IDENTITY, calibrated, log_losses

log = logging.getLogger(__name__)

MOMENTUM = 0.9
DECAY, DECAY_EPOCHS = 0.85, 10
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


@dataclass(frozen=True)
class Examples:
    """Rows of a fused matrix, whether each is viral, and what it weighs in the loss (mean 1)."""

    matrix: np.ndarray
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


def train(training: Examples, validation: Examples, recipe: Recipe) -> Trained:
    """Train until the validation loss has not improved for `patience` epochs."""
    _check_labels(training, validation)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(recipe.seed)
    network = Network(training.matrix.shape[1], recipe.hidden, recipe.dropout).to(device)
    if recipe.recipe == STANDARD:
        network.standardize(training.matrix)
    optimizer = _optimizer(network, recipe)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, DECAY_EPOCHS, DECAY)
    rows: list[dict[str, float]] = []
    best_epoch, best_loss, best_weights = 0, np.inf, {}
    for epoch in range(1, recipe.max_epochs + 1):
        lr = schedule.get_last_lr()[0]
        train_loss = _train_epoch(network, optimizer, training, recipe.batch_size)
        schedule.step()
        scores = network_log_odds(network, validation.matrix)
        losses = log_losses(validation.viral, scores)
        loss = float(np.average(losses, weights=validation.weight))
        if not np.isfinite(loss):
            raise InputError(f"training diverged in epoch {epoch}; lower the learning rate `lr`")
        metrics = binary_metrics(validation.viral, calibrated(scores, IDENTITY))
        rows.append(
            {"epoch": epoch, "lr": lr, "train_loss": train_loss, "validation_loss": loss}
            | {name: metrics[name] for name in HISTORY_METRICS}
        )
        log.info("epoch %d: loss %.4f, validation %.4f", epoch, train_loss, loss)
        if loss < best_loss:
            # state_dict() holds references to weights that training changes.
            best_epoch, best_loss = epoch, loss
            best_weights = copy.deepcopy(network.state_dict())
        elif epoch - best_epoch >= recipe.patience:
            break
    network.load_state_dict(best_weights)
    return Trained(network.cpu().eval(), best_epoch, pd.DataFrame(rows))


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


def _train_epoch(
    network: Network, optimizer: torch.optim.Optimizer, examples: Examples, batch_size: int
) -> float:
    """Train on all examples once, in random order, and return the mean loss."""
    network.train()
    device = next(network.parameters()).device
    count = len(examples.viral)
    weight = np.ones(count) if examples.weight is None else examples.weight
    total = torch.zeros((), device=device)
    # Batches of almost equal size; BatchNorm could not normalize a last batch of one row.
    for rows in torch.randperm(count).tensor_split(max(1, count // batch_size)):
        batch = torch.from_numpy(examples.matrix[rows.numpy()]).to(device).float()
        target = torch.from_numpy(examples.viral[rows.numpy()]).to(device).long()
        each = nn.functional.cross_entropy(network(batch), target, reduction="none")
        loss = (each * torch.from_numpy(weight[rows.numpy()]).to(device)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach() * len(rows)
    return total.item() / count
