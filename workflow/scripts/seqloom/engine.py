"""Any encoder over any list of sequences: order, batches, device, precision.

Identical sequences are embedded once. Batches hold sequences of equal token length, so nothing is
padded and, on a CPU in float32, a vector does not depend on its neighbours by a single bit.
"""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from seqloom import ENGINE_VERSION
from seqloom.encoders.architectures import build_encoder
from seqloom.encoders.layers import set_precision
from seqloom.encoders.pooling import POOLINGS
from seqloom.encoders.tokenizers import load_tokenizer, token_ids
from seqloom.encoders.weights import load_weights
from seqloom.errors import InputError
from seqloom.files import read_json, sha256
from seqloom.progress import Progress

log = logging.getLogger(__name__)

# What decides a vector; model.json has their checksums.
FILES = {"weights": "model.safetensors", "config": "config.json", "tokenizer": "tokenizer.json"}
TOKENS_PER_BATCH = {"cpu": 4096, "cuda": 32768}
# CPU libraries sum thin matrices (up to 27 rows on 16 threads) in another order than thick ones.
ROWS_PER_THREAD = 32


@dataclass(frozen=True)
class Model:
    """A backend, loaded and ready to run."""

    description: Mapping[str, Any]  # model.json
    encoder: nn.Module
    tokenizer: Tokenizer
    device: torch.device
    dtype: str


def load_model(folder: Path, dtype: str, threads: int) -> Model:
    """Load a model folder onto the GPU if there is one, else the CPU; `dtype` may be `auto`."""
    torch.set_num_threads(threads)
    os.environ["RAYON_NUM_THREADS"] = str(threads)  # the tokenizer's
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not (folder / "model.json").is_file():
        raise InputError(f"{folder}: no model.json here; make this folder with fetch_model.py")
    description = read_json(folder / "model.json")
    for what, name in FILES.items():
        if sha256(folder / name) != description.get(f"{what}_sha256"):
            raise InputError(
                f"{folder / name}: not the {what} that model.json names; fetch the model again"
            )
    if dtype == "auto":
        dtype = description["dtype"] if device.type == "cuda" else "float32"
    config = folder / FILES["config"]
    encoder = build_encoder(description["architecture"], read_json(config), config)
    load_weights(encoder, folder / FILES["weights"])
    set_precision(encoder, getattr(torch, dtype))
    log.info("%s on %s, matmuls in %s", description["backend"], device_name(device), dtype)
    tokenizer = load_tokenizer(folder / FILES["tokenizer"])
    return Model(description, encoder.to(device), tokenizer, device, dtype)


def describe(model: Model) -> dict[str, Any]:
    """What made an embedding, as far as the model goes."""
    return {
        **{
            key: model.description[key]
            for key in ("backend", *(f"{what}_sha256" for what in FILES), "pooling", "random")
        },
        "revision": model.description["revision"] or "",
        "dtype": model.dtype,
        "engine_version": ENGINE_VERSION,
        "device": device_name(model.device),
    }


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


@torch.inference_mode()
def embed(
    model: Model,
    ids: Sequence[str],
    sequences: Sequence[str],
    store: str = "float32",
    tokens_per_batch: int | None = None,
) -> np.ndarray:
    """One row per sequence, in order; `ids` name them in errors."""
    # To a tokenizer lower-case letters are unknown ones.
    sequences = [sequence.upper() for sequence in sequences]
    names = dict(zip(reversed(sequences), reversed(ids), strict=True))  # of the first with it
    distinct = list(dict.fromkeys(sequences))
    tokens = token_ids(model.tokenizer, distinct)
    backend, limit = model.description["backend"], model.description["max_length"]
    for sequence, row in zip(distinct, tokens, strict=True):
        if len(row) > limit:
            raise InputError(
                f'record "{names[sequence]}": {len(row)} tokens, but {backend} '
                f"reads at most {limit}; use shorter windows or leave the record out"
            )
    rows = np.empty((len(distinct), model.description["width"]), store)
    budget = tokens_per_batch or TOKENS_PER_BATCH[model.device.type]
    with Progress(f"embed {backend}", len(distinct), "sequences") as progress:
        for batch in equal_length_batches([len(row) for row in tokens], budget):
            pooled = _pooled(model, [tokens[i] for i in batch])
            rows[batch] = pooled.to(getattr(torch, store)).cpu().numpy()
            progress.advance(len(batch))
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if bad.size:
        raise InputError(
            f'record "{names[distinct[bad[0]]]}": its embedding is not finite in {model.dtype}, '
            f"stored as {store}, nor are those of {bad.size - 1} others; use a wider dtype"
        )
    place = {sequence: i for i, sequence in enumerate(distinct)}
    return rows[[place[sequence] for sequence in sequences]]


def equal_length_batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Indices of sequences of equal length, longest first, at most `tokens` tokens together."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    for length, group in groupby(order, key=lambda i: lengths[i]):
        members = list(group)
        size = max(1, tokens // length)
        for start in range(0, len(members), size):
            yield members[start : start + size]


def _pooled(model: Model, tokens: list[list[int]]) -> Tensor:
    """One float32 vector per row of equally many tokens."""
    ids = torch.tensor(tokens)
    rows = ROWS_PER_THREAD * torch.get_num_threads()
    copies = -(-rows // ids.numel()) if model.device.type == "cpu" else 1
    states = model.encoder(ids.repeat(copies, 1).to(model.device))
    return POOLINGS[model.description["pooling"]](states[: len(tokens)])
