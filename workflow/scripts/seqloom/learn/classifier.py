"""The classifier: its network, its files, and the check that its input matches its training."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seqloom import CLASSIFIER_FORMAT
from seqloom.config.labels import LABELS
from seqloom.errors import InputError
from seqloom.files.json_files import read_json
from seqloom.files.tensors import read_tensor, write_tensors

# Every batch is padded to this size, so that a score does not depend on the other rows.
BATCH = 1024
# A column that varies by less than this share of its mean is constant but for rounding.
LEAST_DEVIATION = 1e-6


@dataclass(frozen=True)
class Classifier:
    """A trained network and its classifier.json."""

    network: "Network"
    description: Mapping[str, Any]


class Network(nn.Module):
    """The network of VirNucPro behind a standardization, which changes nothing until it is set."""

    def __init__(self, columns: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("scale", torch.ones(columns))
        self.layers = nn.Sequential(
            nn.Linear(columns, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, len(LABELS)),
        )
        for layer in (self.layers[0], self.layers[-1]):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.layers((rows - self.mean) * self.scale)

    def standardize(self, matrix: np.ndarray) -> None:
        """Give each column of these rows mean 0 and deviation 1; constant columns become 0."""
        total, squares = np.zeros((2, matrix.shape[1]))
        for start in range(0, len(matrix), BATCH):
            rows = matrix[start : start + BATCH].astype(np.float64)
            total += rows.sum(axis=0)
            squares += np.einsum("ij,ij->j", rows, rows)
        mean = total / len(matrix)
        deviation = np.sqrt(np.maximum(squares / len(matrix) - mean**2, 0))
        varies = deviation > LEAST_DEVIATION * np.abs(mean)
        scale = np.divide(1, deviation, where=varies, out=np.zeros_like(deviation))
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(scale))


def load(folder: Path) -> Classifier:
    """Load a classifier for scoring on the CPU."""
    description = read_json(folder / "classifier.json")
    if description.get("format") != CLASSIFIER_FORMAT:
        raise InputError(
            f"{folder / 'classifier.json'}: an earlier version of seqloom wrote this classifier, "
            "which is read differently now; train again"
        )
    network = Network(**description["architecture"])
    weights = folder / "classifier.safetensors"
    network.load_state_dict(
        {name: torch.from_numpy(read_tensor(weights, name)) for name in network.state_dict()}
    )
    return Classifier(network.eval(), description)


def write_weights(path: Path, network: Network, metadata: Mapping[str, str]) -> None:
    """Write the weights as safetensors."""
    write_tensors(path, {k: v.numpy() for k, v in network.state_dict().items()}, metadata)


def describe_inputs(fused_metadata: Mapping[str, str]) -> dict[str, Any]:
    """The description of the fused matrices that a classifier is trained on."""
    return {
        "cut": fused_metadata["cut"],
        "cut_settings": json.loads(fused_metadata["cut_settings"]),
        "fusion": fused_metadata["fusion"],
        "backends": json.loads(fused_metadata["backends"]),
    }


def check_matches(description: Mapping[str, Any], fused_metadata: Mapping[str, str]) -> None:
    """Raise an error that names the first difference between a matrix and the training data."""
    trained, given = _facts(description), _facts(describe_inputs(fused_metadata))
    for fact in trained | given:
        if trained.get(fact) != given.get(fact):
            raise InputError(
                f"fused matrix of sample {fused_metadata['sample']}, shard "
                f"{fused_metadata['shard']}: {fact} is {given.get(fact)}, but the classifier "
                f"{description['experiment']} was trained on {trained.get(fact)}; make the matrix "
                "with the settings of the classifier, or train another one"
            )


def _facts(description: Mapping[str, Any]) -> dict[str, Any]:
    """All values that must be equal, by name; the names of cut and fusion may differ."""
    facts = {f"cut setting {key}": value for key, value in description["cut_settings"].items()}
    facts["list of backends"] = [backend["backend"] for backend in description["backends"]]
    for backend in description["backends"]:
        facts |= {f"{key} of {backend['backend']}": value for key, value in backend.items()}
    return facts


def log_odds(classifier: Classifier, matrix: np.ndarray) -> np.ndarray:
    """The log-odds of viral against host for each row."""
    return network_log_odds(classifier.network, matrix)


@torch.inference_mode()
def network_log_odds(network: Network, matrix: np.ndarray) -> np.ndarray:
    """Like `log_odds`, for a network, which is left in evaluation mode."""
    network.eval()
    device = next(network.parameters()).device
    scores = np.empty(len(matrix))
    for start in range(0, len(matrix), BATCH):
        rows = matrix[start : start + BATCH]
        batch = torch.zeros(BATCH, matrix.shape[1])
        batch[: len(rows)] = torch.from_numpy(rows)
        host, viral = network(batch.to(device))[: len(rows)].T
        scores[start : start + BATCH] = (viral - host).cpu().numpy()
    return scores
