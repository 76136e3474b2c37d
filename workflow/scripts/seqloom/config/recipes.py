"""The training recipes by name: what the keys of `train` are that the config leaves out."""

from collections.abc import Mapping
from typing import Any

STANDARD, VIRNUCPRO = "standard", "virnucpro"
RECIPES: dict[str, dict[str, Any]] = {
    STANDARD: {
        "hidden": 512,
        "dropout": 0.5,
        "optimizer": "adamw",
        "lr": 0.001,
        "batch_size": 64,
        "max_epochs": 100,
        "patience": 10,
    },
    VIRNUCPRO: {
        "hidden": 512,
        "dropout": 0.5,
        "optimizer": "sgd",
        "lr": 0.0002,
        "batch_size": 32,
        "max_epochs": 200,
        "patience": 5,
    },
}


def completed(train: Mapping[str, Any]) -> dict[str, Any]:
    """All keys of a `train` section, from what it gives and its recipe."""
    return RECIPES[train["recipe"]] | dict(train)
