"""The tables that a training writes while it runs."""

import csv
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import torch

from seqloom.files.atomic import atomic
from seqloom.genet5.memory import machine_memory

MEMORY_IN_ROWS = ("gpu_alloc_gb", "gpu_max_gb", "ram_used_gb")
TRAINING_COLUMNS = (
    *("timestamp", "elapsed_sec", "epoch", "global_step", "batch", "num_batches"),
    *("train_loss", "val_loss", "lr", "batch_per_sec", "eta_sec"),
    *MEMORY_IN_ROWS,
)
EVAL_COLUMNS = (
    *("timestamp", "epoch", "global_step"),
    *("exon_f1", "exon_precision", "exon_recall", "gene_f1", "gene_precision", "gene_recall"),
    *("num_samples", "num_predicted", "num_ref", "eval_sec"),
)
MEMORY_COLUMNS = (
    *("timestamp", "elapsed_sec", "ram_used_gb", "ram_total_gb", "swap_used_gb"),
    *("gpu_alloc_gb", "gpu_max_gb", "gpu_used_gb", "gpu_total_gb"),
)
# Those that differ from one run of a command to the next.
MEASURED = {
    *("timestamp", "elapsed_sec", "batch_per_sec", "eta_sec", "eval_sec"),
    *MEMORY_IN_ROWS,
}
_SECONDS, _SECONDS_WHEN_FULL, _FULL = 30.0, 2.0, 0.9


class StepLog:
    """A table with a row for a step; rows of steps after `last`, which are done again, go."""

    def __init__(self, path: Path, columns: tuple[str, ...], last: int) -> None:
        rows = [row for row in _whole_rows(path) if int(row["global_step"]) <= last]
        with atomic(path) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        self._path, self._columns = path, columns

    def add(self, row: Mapping[str, Any]) -> None:
        add_row(self._path, self._columns, row)


def add_row(path: Path, columns: tuple[str, ...], row: Mapping[str, Any]) -> None:
    """Add a row, and the head of the table if it is new; all columns that are given are known."""
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        if file.tell() == 0:
            writer.writeheader()
        writer.writerow(row)


def _whole_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table; a kill may have cut off the last one."""
    if not path.exists():
        return []
    whole = path.read_text().rpartition("\n")[0]
    return list(csv.DictReader(whole.splitlines()))


def now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def memory(device: torch.device) -> dict[str, str]:
    """The columns of memory, in GB; those of a GPU are empty without one."""
    ram = machine_memory()
    found = {
        "ram_used_gb": ram["MemTotal"] - ram["MemAvailable"],
        "ram_total_gb": ram["MemTotal"],
        "swap_used_gb": ram["SwapTotal"] - ram["SwapFree"],
    }
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        found |= {
            "gpu_alloc_gb": torch.cuda.memory_allocated(device),
            "gpu_max_gb": torch.cuda.max_memory_allocated(device),
            "gpu_used_gb": total - free,
            "gpu_total_gb": total,
        }
    return {name: f"{count / 1e9:.3f}" for name, count in found.items()}


def is_nearly_full(found: Mapping[str, str]) -> bool:
    return any(
        float(found.get(f"{kind}_used_gb", 0)) > _FULL * float(found.get(f"{kind}_total_gb", 1))
        for kind in ("ram", "gpu")
    )


class MemoryLog:
    """A thread that writes a row every 30 seconds, and every 2 while memory is nearly full."""

    def __init__(self, path: Path, device: torch.device) -> None:
        self._path, self._device = path, device
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        self._start = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _write(self) -> None:
        pause = 0.0
        while not self._ended.wait(pause):
            found = memory(self._device)
            elapsed = f"{time.monotonic() - self._start:.1f}"
            row = {"timestamp": now(), "elapsed_sec": elapsed, **found}
            add_row(self._path, MEMORY_COLUMNS, row)
            pause = _SECONDS_WHEN_FULL if is_nearly_full(found) else _SECONDS
