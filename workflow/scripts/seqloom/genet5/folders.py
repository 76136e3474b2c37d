"""A model as a folder: config.json, model.safetensors, tokenizer.json and init_report.json."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from seqloom.errors import InputError
from seqloom.files.atomic import atomic_all
from seqloom.files.json_files import read_json, write_json
from seqloom.genet5.network import GeneT5
from seqloom.genet5.shape import Shape
from seqloom.models.weights import encoder_tensors, read_tensors, write_weights

FILES = ("config.json", "model.safetensors", "tokenizer.json", "init_report.json")
ARCHITECTURE = "genet5"
_COMPILED = "_orig_mod."  # what torch.compile puts before names


def save_model(
    folder: Path, network: nn.Module, tokenizer: Tokenizer, report: Mapping[str, Any]
) -> None:
    """Write a model, compiled or not, all files of it or none; `report` is its init_report."""
    tensors = {name.replace(_COMPILED, ""): t for name, t in network.state_dict().items()}
    config = {"architecture": ARCHITECTURE, **asdict(network.shape)}
    with atomic_all([folder / name for name in FILES]) as [settings, weights, tokens, origins]:
        write_json(settings, config)
        write_weights(weights, tensors)
        tokenizer.save(str(tokens))
        write_json(origins, report)


def load_model(folder: Path) -> GeneT5:
    """The model of a folder; a tensor too many, too few or misshapen is an error."""
    shape = _read_shape(folder / "config.json")
    with torch.device("meta"):
        network = GeneT5(shape)
    file = folder / "model.safetensors"
    tensors = encoder_tensors(read_tensors([file]), network, file)
    network.load_state_dict(tensors, strict=True, assign=True)
    return network.requires_grad_().eval()


def _read_shape(file: Path) -> Shape:
    config = read_json(file)
    if config.pop("architecture", None) != ARCHITECTURE:
        raise InputError(f"{file}: not a model of init_genet5.py; give the folder of one")
    try:
        return Shape(**config | {"biotypes": tuple(config["biotypes"])})
    except (TypeError, KeyError) as error:
        raise InputError(f"{file}: {error}; make the model again by init_genet5.py") from error
