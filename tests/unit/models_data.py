"""Tiny and published models as several tests need them: configs, registry entries, weights."""

import re
import subprocess
import time
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from seqloom.config.registry import Backend
from seqloom.demo.model_shapes import CONFIGS

TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 8,
}
TINY_ESM = CONFIGS["esm"] | TINY
# Of the registry.
TINY_ENTRY = {
    "architecture": "esm",
    "molecule": "protein",
    "width": 16,
    "parameters": 1,
    "pooling": "mean_residues",
    "max_length": 100,
    "dtype": "float16",
    "repository": "someone/tiny",
}
PUBLISHED_DNABERT = CONFIGS["dnabert"] | {"num_hidden_layers": 12}


def published_esm(width: int, layers: int, heads: int, **other) -> dict:
    return CONFIGS["esm"] | {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * width,
        "pad_token_id": 1,
        "max_position_embeddings": 1026,
        **other,
    }


def write_tiny_model(folder: Path, molecule: str) -> None:
    """A model folder of one layer, as fetch_model.py makes it; `molecule` is dna or protein."""
    # Not at the top: the library of the hub reads the environment when it is imported.
    from seqloom.models.fetch import demo_source, write_model

    architecture = {"dna": "dnabert", "protein": "esm"}[molecule]
    backend = Backend(
        name=f"tiny_{molecule}",
        architecture=architecture,
        molecule=molecule,
        width=CONFIGS[architecture]["hidden_size"],
        pooling={"dna": "mean_tokens", "protein": "mean_residues"}[molecule],
        max_length=50,
        dtype="float16",
        parameters=1,
        demo={"seed": 3, "num_hidden_layers": 1, "intermediate_size": 16},
    )
    write_model(backend, demo_source(backend), folder, folder / "lock", False)


def write_shard(prefix: Path, suffix: str, fasta: str) -> None:
    """FASTA and the table beside it; `suffix` is fna or faa."""
    prefix.with_suffix(f".{suffix}").write_text(fasta)
    facts = dict.fromkeys(("sample", "cut", "cut_settings", "shard"), "x")
    facts[f"{suffix}_sha256"] = sha256(fasta.encode()).hexdigest()
    pq.write_table(pa.table({}).replace_schema_metadata(facts), prefix.with_suffix(".parquet"))


def peak_memory(*command: object) -> int:
    """The most memory in bytes that a command took, which must end well.

    The usage of a child would begin with the memory of the process that started it.
    """
    peak = 0
    with subprocess.Popen(list(map(str, command))) as job:
        while job.poll() is None:
            # An ended process has none.
            if known := re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{job.pid}/status").read_text()):
                peak = int(known[1]) * 1024
            time.sleep(0.02)
    assert job.returncode == 0
    return peak


def pooled(states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """The mean over all tokens but the first and the last, by a loop."""
    lengths = [states.shape[1]] * len(states) if mask is None else mask.sum(dim=1).tolist()
    pairs = zip(states, lengths, strict=True)
    return torch.stack([row[1 : length - 1].mean(dim=0) for row, length in pairs])


def randomize(model: torch.nn.Module) -> None:
    """Random weights; norms scale by about one, as trained ones do."""
    for name, parameter in model.named_parameters():
        is_scale = "norm" in name.lower() and name.endswith("weight")
        torch.nn.init.normal_(parameter, mean=float(is_scale), std=0.05)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Several would fight over the cores of a busy machine; imported, it is for that module."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
