"""What a training keeps after each epoch, so that a killed one goes on from there."""

import json
import logging
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch

from seqloom.embedding.resume import Work
from seqloom.errors import InputError
from seqloom.files.atomic import atomic
from seqloom.files.folders import lock_folder
from seqloom.files.tables import write_tsv
from seqloom.files.tensors import read_metadata, read_tensor, write_tensors
from seqloom.learn.classifier import Network

log = logging.getLogger(__name__)

_CHECKPOINT, _HISTORY, _LOCK = "checkpoint.safetensors", "history.tsv", "lock"


@dataclass
class Progress:
    """A training after an epoch; its next random numbers follow from seed and epoch.

    `best` are the weights of the epoch of `history` with the lowest validation loss.
    """

    network: Network
    optimizer: torch.optim.Optimizer
    best: dict[str, torch.Tensor]
    history: list[dict[str, Any]]


def going_on(progress: Progress, work: Work) -> None:
    """Lock the folder, and take over what a training of the same origin kept there."""
    work.folder.mkdir(parents=True, exist_ok=True)
    # Locked until this process ends.
    progress.lock = lock_folder(work.folder / _LOCK)
    path = work.folder / _CHECKPOINT
    try:
        metadata = read_metadata(path)
        tensors = {n: torch.from_numpy(read_tensor(path, n)) for n in json.loads(metadata["names"])}
    except (FileNotFoundError, InputError):
        return
    if json.loads(metadata["made_from"]) != json.loads(json.dumps(work.made_from)):
        return
    progress.history = json.loads(metadata["history"])
    progress.network.load_state_dict(_below(tensors, "network"))
    progress.best = _below(tensors, "best")
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in _below(tensors, "optimizer").items():
        number, key = name.split(".")
        state.setdefault(int(number), {})[key] = tensor
    groups = progress.optimizer.state_dict()["param_groups"]
    progress.optimizer.load_state_dict({"state": state, "param_groups": groups})
    log.info("going on after %d epochs in %s", len(progress.history), work.folder)


def keep(progress: Progress, work: Work) -> None:
    """Replace what is kept, and the history beside it, which people may look at."""
    tensors = {f"network.{name}": tensor for name, tensor in progress.network.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in progress.best.items()}
    for number, values in progress.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{key}": tensor for key, tensor in values.items()}
    arrays = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
    metadata = {
        "names": json.dumps(list(arrays)),
        "made_from": json.dumps(work.made_from),
        "history": json.dumps(progress.history),
    }
    with atomic(work.folder / _CHECKPOINT) as path:
        write_tensors(path, arrays, metadata)
    with atomic(work.folder / _HISTORY) as path:
        write_tsv(path, pd.DataFrame(progress.history), "%.6g")


def _below(tensors: dict[str, torch.Tensor], first: str) -> dict[str, torch.Tensor]:
    prefix = f"{first}."
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
