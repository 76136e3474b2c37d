from dataclasses import replace

import numpy as np
import pytest
import torch

from seqloom.errors import InputError
from seqloom.learn.classifier import network_log_odds
from seqloom.learn.scores import log_losses
from seqloom.learn.training import Examples, Recipe, train

RECIPE = Recipe(
    hidden=16,
    dropout=0.5,
    optimizer="sgd",
    lr=0.05,
    batch_size=16,
    max_epochs=12,
    patience=4,
    seed=1,
)


def examples(seed, count, signal):
    rng = np.random.default_rng(seed)
    viral = np.arange(count) % 2 == 0
    matrix = rng.normal(0, 1, (count, 8)) + signal * viral[:, None]
    return Examples(matrix.astype(np.float32), viral)


def weights(trained):
    return torch.cat([v.double().flatten() for v in trained.network.state_dict().values()])


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_training_learns_and_is_reproducible(optimizer):
    recipe = replace(RECIPE, optimizer=optimizer, lr={"sgd": 0.05, "adamw": 0.01}[optimizer])
    training, validation = examples(0, 201, 1.5), examples(1, 50, 1.5)
    first, second = (train(training, validation, recipe) for _ in range(2))
    assert torch.equal(weights(first), weights(second))
    assert first.history.equals(second.history)
    assert first.history["auroc"].iloc[first.best_epoch - 1] > 0.97
    other = train(training, validation, replace(recipe, seed=2))
    assert not torch.equal(weights(first), weights(other))


def test_the_weights_of_the_best_epoch_are_kept():
    # The training labels are wrong for the validation examples, whose loss soon rises.
    training, validation = examples(0, 64, 1.0), examples(1, 40, -1.0)
    trained = train(training, validation, RECIPE)
    history = trained.history.set_index("epoch")
    losses = history["validation_loss"]
    assert trained.best_epoch == losses.idxmin() < losses.index[-1]
    kept = log_losses(validation.viral, network_log_odds(trained.network, validation.matrix)).mean()
    assert kept == losses.min()
    assert len(history) == trained.best_epoch + RECIPE.patience


def test_the_history_is_complete_and_the_rate_decays():
    trained = train(
        examples(0, 64, 1.0),
        examples(1, 20, 1.0),
        replace(RECIPE, lr=2e-4, patience=99),
    )
    assert trained.history["epoch"].tolist() == list(range(1, 13))
    assert trained.history["lr"].tolist() == pytest.approx([2e-4] * 10 + [1.7e-4] * 2)
    assert trained.history.notna().all().all()


@pytest.mark.parametrize("count", [3, 17, 33])
def test_no_batch_has_a_single_row(count):
    train(examples(0, count, 1.0), examples(1, 8, 1.0), replace(RECIPE, batch_size=2, max_epochs=1))


def test_diverging_training_is_an_error_with_advice():
    with pytest.raises(InputError, match="training diverged"):
        train(examples(0, 64, 1.0), examples(1, 20, 1.0), replace(RECIPE, lr=1e38))


def test_log_loss_is_the_cross_entropy():
    scores = np.array([-2.0, 0.5, 30.0, -800.0])
    viral = np.array([False, True, True, False])
    logits = torch.tensor(np.stack([np.zeros(4), scores], axis=1))
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor(viral).long()).item()
    assert log_losses(viral, scores).mean() == pytest.approx(expected)
