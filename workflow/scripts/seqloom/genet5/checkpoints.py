"""Checkpoints of a training: folders that appear whole, and the state from which it goes on.

No generator of random numbers is part of the state: whatever is drawn has its own seed, made of
that of the training, the epoch and the window.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from seqloom.errors import InputError
from seqloom.files.atomic import sync
from seqloom.files.tensors import read_metadata, read_tensor, write_tensors

LATEST, BEST = "latest", "best"
_STATE = "training.safetensors"
_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass
class State:
    """Where a training is; its weights and those of the optimizer belong to the same step."""

    step: int = 0  # how many are done
    loss: float = 0.0  # of the last one
    is_ended: bool = True  # whether its evaluation and its rows are done, too
    best_loss: float | None = None  # of validation
    seconds: float = 0.0  # of all runs together


def step_folder(step: int) -> str:
    return f"step_{step}"


def write_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a folder that replaces the one of that name; one of the two is whole."""
    unfinished, new, _ = _beside(folder)
    unfinished.mkdir(parents=True)
    write(unfinished)
    for file in unfinished.iterdir():
        sync(file)
    unfinished.rename(new)
    _put_in_place(folder)


def recover(parent: Path) -> None:
    """End what a killed process was doing with the folders here."""
    for unfinished in parent.glob(".unfinished.*"):
        shutil.rmtree(unfinished)
    for leftover in [*parent.glob(".new.*"), *parent.glob(".old.*")]:
        _put_in_place(parent / leftover.name.split(".", 2)[2])


def _put_in_place(folder: Path) -> None:
    """A folder cannot be renamed to one that exists, so the old one is renamed first."""
    _, new, old = _beside(folder)
    if new.exists():
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _beside(folder: Path) -> Iterator[Path]:
    return (folder.with_name(f".{kind}.{folder.name}") for kind in ("unfinished", "new", "old"))


def write_state(
    folder: Path, state: State, optimizer: torch.optim.Optimizer, made_from: dict[str, Any]
) -> None:
    """Add to a model folder what the training needs to go on from there."""
    arrays = {
        f"{number}.{name}": values[name].cpu().numpy()
        for number, values in optimizer.state_dict()["state"].items()
        for name in _MOMENTS
    }
    metadata = {"state": json.dumps(asdict(state)), "made_from": _as_text(made_from)}
    write_tensors(folder / _STATE, arrays, metadata)


def read_state(folder: Path, optimizer: torch.optim.Optimizer, made_from: dict[str, Any]) -> State:
    """The state of a training, and the optimizer as it was; an error if settings differ."""
    metadata = read_metadata(folder / _STATE)
    before = json.loads(metadata["made_from"])
    for key, value in json.loads(_as_text(made_from)).items():
        if before.get(key) != value:
            raise InputError(
                f"{folder}: this training began with {key} {before.get(key)}, not {value}; give "
                "another --out, or remove this one to begin anew"
            )
    state = State(**json.loads(metadata["state"]))
    found = optimizer.state_dict()
    for number in (number for group in found["param_groups"] for number in group["params"]):
        moments = {
            name: torch.from_numpy(read_tensor(folder / _STATE, f"{number}.{name}"))
            for name in _MOMENTS
        }
        found["state"][number] = {"step": torch.tensor(float(state.step)), **moments}
    optimizer.load_state_dict(found)
    return state


def _as_text(made_from: dict[str, Any]) -> str:
    return json.dumps(made_from, sort_keys=True)
