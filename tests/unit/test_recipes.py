"""The two recipes on features that are hard to learn from."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from seqloom.config.recipes import RECIPES, STANDARD, VIRNUCPRO
from seqloom.errors import InputError
from seqloom.learn.classifier import network_log_odds
from seqloom.learn.training import Examples, Recipe, frame_weights, train

WIDTH = 8


def recipe(name):
    return Recipe(**RECIPES[name] | {"hidden": 32, "max_epochs": 10}, seed=1, recipe=name)


def rows(seed, viral, signal=2.0, scales=(1.0, 1.0)):
    """Two blocks of columns; only the second tells viral from host."""
    noise = np.random.default_rng(seed).normal(size=(len(viral), 2 * WIDTH))
    noise[:, WIDTH:] += signal * viral[:, None] / np.sqrt(WIDTH)
    return (noise * np.repeat(scales, WIDTH)).astype(np.float32)


def alternating(count):
    return np.arange(count) % 2 == 1


def auroc(trained, matrix, viral):
    return roc_auc_score(viral, network_log_odds(trained.network, matrix))


def test_blocks_of_unlike_scales_are_learned_by_the_standard_recipe_alone():
    viral = alternating(600)
    training, validation = (Examples(rows(i, viral, 6, (1000, 0.001)), viral) for i in (0, 1))
    test = rows(2, viral, 6, (1000, 0.001))
    assert auroc(train(training, validation, recipe(STANDARD)), test, viral) > 0.99
    assert auroc(train(training, validation, recipe(VIRNUCPRO)), test, viral) < 0.6


def test_the_standardization_is_in_the_network_and_drops_constant_columns():
    viral = alternating(200)
    matrix = rows(0, viral)
    matrix[:, 0] = 7
    trained = train(Examples(matrix, viral), Examples(matrix, viral), recipe(STANDARD))
    varying = matrix[:, 1:].astype(np.float64)
    network = trained.network
    np.testing.assert_allclose(network.mean[1:], varying.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(network.scale[1:], 1 / varying.std(axis=0), rtol=1e-5)
    other = matrix.copy()
    other[:, 0] = 900
    np.testing.assert_array_equal(
        network_log_odds(network, other), network_log_odds(network, matrix)
    )


def test_one_label_in_five_may_be_wrong():
    viral, test = alternating(2000), alternating(1000)
    wrong = np.random.default_rng(3).random(2000) < 0.2
    noisy, validation = Examples(rows(0, viral, 3), viral ^ wrong), Examples(rows(1, test, 3), test)
    matrix = rows(2, test, 3)
    best = roc_auc_score(test, matrix[:, WIDTH:].sum(axis=1))
    assert auroc(train(noisy, validation, recipe(STANDARD)), matrix, test) > best - 0.03


def test_one_virus_among_fifty_hosts_is_found_as_often_as_a_host():
    viral = np.arange(2550) % 51 == 0
    frames = pd.DataFrame({"label": np.where(viral, "viral", "host")})
    frames = frames.assign(category=frames["label"], group=frames.index)
    weight = frame_weights(frames)
    assert weight[viral].sum() == pytest.approx(weight[~viral].sum())
    parts = [Examples(rows(i, viral, 4), viral, weight) for i in (0, 1)]
    test = alternating(1000)
    trained = train(*parts, recipe(STANDARD))
    called = network_log_odds(trained.network, rows(2, test, 4)) > 0
    assert called[test].mean() > 0.9
    assert called[~test].mean() < 0.15
    plain = train(*(replace(part, weight=None) for part in parts), recipe(STANDARD))
    assert (network_log_odds(plain.network, rows(2, test, 4)) > 0)[test].mean() < 0.5


def test_weights_of_categories_and_groups_grow_with_the_root_of_their_size():
    sizes = {("host", "fungi", "a"): 100, ("host", "fungi", "b"): 400, ("viral", "v", "c"): 500}
    keys = [key for key, size in sizes.items() for _ in range(size)]
    frames = pd.DataFrame(keys, columns=["label", "category", "group"])
    frames["weight"] = frame_weights(frames)
    assert frames["weight"].mean() == pytest.approx(1)
    sums = frames.groupby("group")["weight"].sum()
    assert sums["a"] + sums["b"] == pytest.approx(sums["c"])
    assert sums["b"] / sums["a"] == pytest.approx(2)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_part_with_one_label_is_refused(part):
    both, hosts = alternating(40), np.zeros(40, bool)
    labels = {"train": both, "validation": both} | {part: hosts}
    parts = [Examples(rows(i, viral), viral) for i, viral in enumerate(labels.values())]
    with pytest.raises(InputError, match=f"the {part} part of the split has no viral frame"):
        train(*parts, recipe(STANDARD))
