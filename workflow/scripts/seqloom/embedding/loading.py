"""A model folder as an encoder and a tokenizer that are ready to run."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from seqloom import ENGINE_VERSION
from seqloom.encoders.architectures import ARCHITECTURES, build_encoder
from seqloom.encoders.cpu import use_onednn
from seqloom.encoders.readings import Reading
from seqloom.encoders.tokenizers import load_tokenizer
from seqloom.errors import InputError
from seqloom.files.checksums import sha256
from seqloom.files.json_files import read_json
from seqloom.models.weights import load_weights

log = logging.getLogger(__name__)

# The files that determine a vector; model.json has their checksums.
FILES = {"weights": "model.safetensors", "config": "config.json", "tokenizer": "tokenizer.json"}


@dataclass(frozen=True)
class Reader:
    """The parts of a model folder that tokenizing needs."""

    folder: Path
    description: Mapping[str, Any]  # model.json
    reading: Reading
    tokenizer: Tokenizer


@dataclass(frozen=True)
class Model(Reader):
    """A backend, loaded and ready to run."""

    encoder: nn.Module
    device: torch.device
    dtype: str


def open_model(folder: Path, threads: int) -> Reader:
    """The small files of a model folder, checked; the tokenizer is given `threads`."""
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    if not (folder / "model.json").is_file():
        raise InputError(f"{folder}: no model.json here; make this folder with fetch_model.py")
    with _files_of(folder):
        description = read_json(folder / "model.json")
        for what in ("config", "tokenizer"):
            _check(folder, what, description)
        tokenizer = load_tokenizer(folder / FILES["tokenizer"])
    return Reader(folder, description, Reading(**description["reading"]), tokenizer)


def load_model(folder: Path, dtype: str, threads: int) -> Model:
    """Load a model folder onto the GPU if there is one, else the CPU; `dtype` may be `auto`."""
    return load_encoder(open_model(folder, threads), dtype, threads)


def load_encoder(reader: Reader, dtype: str, threads: int) -> Model:
    """Check and load the weights of a model whose small files are read."""
    torch.set_num_threads(threads)
    with _files_of(reader.folder):
        _check(reader.folder, "weights", reader.description)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if dtype == "auto":
        dtype = reader.description["dtype"] if device.type == "cuda" else "float32"
    encoder = _encoder(reader, device, dtype)
    return Model(**vars(reader), encoder=encoder, device=device, dtype=dtype)


def in_dtype(model: Model, dtype: str) -> Model:
    """The same model in another dtype, its weights read once more."""
    return replace(model, encoder=_encoder(model, model.device, dtype), dtype=dtype)


def _encoder(reader: Reader, device: torch.device, dtype: str) -> nn.Module:
    description, config = reader.description, reader.folder / FILES["config"]
    with _files_of(reader.folder):
        encoder = build_encoder(description["architecture"], read_json(config), config)
        load_weights(encoder, reader.folder / FILES["weights"])
    encoder.set_precision(getattr(torch, dtype))
    encoder.to(device)
    log.info("%s on %s, matmuls in %s", description["backend"], device_name(device), dtype)
    if device.type == "cpu":
        use_onednn(encoder)
        return encoder
    if not encoder.compiles:
        return encoder
    # Not at the top: its import takes a second.
    from seqloom.encoders.compiled import Compiled

    return Compiled(encoder)


@contextmanager
def _files_of(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # a file is lost
        raise InputError(f"{folder}: {error}; remove it and run again to fetch anew") from error


def _check(folder: Path, what: str, description: Mapping[str, Any]) -> None:
    if sha256(folder / FILES[what]) != description.get(f"{what}_sha256"):
        raise InputError(
            f"{folder / FILES[what]}: not the {what} that model.json names; remove its folder and "
            "run again to fetch the model anew"
        )


def describe(model: Model) -> dict[str, Any]:
    """The metadata of an embedding that its model determines."""
    return {
        **{key: model.description[key] for key in ("backend", "pooling", "reading", "random")},
        **{key: model.description[key] for key in (f"{what}_sha256" for what in FILES)},
        "revision": model.description["revision"] or "",
        "dtype": model.dtype,
        "engine_version": ENGINE_VERSION,
        "device": device_name(model.device),
        "processor": instruction_sets() if model.device.type == "cpu" else "",
    }


def libraries(reader: Reader) -> tuple[str, ...]:
    """Those whose version decides a vector, beside those that every model needs."""
    return ARCHITECTURES[reader.description["architecture"]].libraries


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def instruction_sets() -> str:
    """The instruction sets of this processor that decide the last bits of a vector."""
    # What torch calls AVX512 may lack those of low precision, which oneDNN uses.
    low_precision = [
        name
        for name, is_there in torch.cpu.get_capabilities().items()
        if is_there and ("bf16" in name or "fp16" in name)
    ]
    return " ".join([torch.backends.cpu.get_cpu_capability(), *sorted(low_precision)])
