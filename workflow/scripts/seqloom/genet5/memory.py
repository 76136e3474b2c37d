"""How much memory windows take in the network, by arithmetic, before it is asked for."""

from dataclasses import dataclass
from pathlib import Path

import torch

from seqloom.errors import InputError
from seqloom.genet5.attending import PIECE_NUMBERS
from seqloom.genet5.pointer import MOTIFS
from seqloom.genet5.shape import Shape

# Numbers that are kept for the backward pass, in widths, inner widths and channels of motifs.
_TOKEN = {"width": 12, "inner": 4}  # of a token or step, by layer
_CROSS = {"width": 4}
_BASE = {"width": 9, "motifs": 4}
_LOGITS = 12  # per pair of a step and a base: logits, masked, log-probabilities, gradients
_BYTES_OF_NUMBER = 4
_BIASES = 5  # copies of the bias of a piece of attention while it is used


@dataclass(frozen=True)
class Load:
    """A batch of windows and what is done with it."""

    windows: int
    bases: int  # of the longest window
    tokens: int  # of the longest window
    steps: int  # of the longest target
    trains: bool = False
    recomputes: bool = False  # see `GeneT5.recompute`


def bytes_needed(shape: Shape, load: Load) -> int:
    """What a forward pass, or a step of training, needs beside the parameters."""
    sizes = {
        "width": shape.width,
        "inner": shape.inner,
        "motifs": min(MOTIFS, shape.width),
    }

    def numbers(parts: dict[str, int]) -> int:
        return sum(count * sizes[name] for name, count in parts.items())

    token, cross = numbers(_TOKEN), numbers(_CROSS)
    # A layer at work, and what each layer leaves for the backward pass.
    kept = shape.width if load.recomputes else token
    layers = token + shape.layers * kept * load.trains
    decoder = token + shape.decoder_layers * (kept + cross) * load.trains
    keys = 2 * shape.width * shape.decoder_layers  # of the window, for the decoder
    by_window = (
        load.tokens * (layers + keys)
        + load.steps * decoder
        + load.bases * numbers(_BASE)
        + load.steps * load.bases * (_LOGITS if load.trains else 1)
    )
    pairs = load.windows * shape.heads * load.tokens**2
    bias = min(pairs, max(PIECE_NUMBERS, load.windows * shape.heads * load.tokens))
    biases = bias * (_BIASES if load.trains else 3)
    return (load.windows * by_window + biases) * _BYTES_OF_NUMBER


def refuse_without_memory(shape: Shape, load: Load, available: int) -> None:
    needed = bytes_needed(shape, load)
    if needed > available:
        advice = "choose shorter windows"
        if load.windows > 1:
            advice = "put fewer windows in a batch"
        elif load.trains and not load.recomputes:
            advice = "switch checkpointing on"
        raise InputError(
            f"GeneT5: {load.windows} windows of {load.bases:,} bases need about "
            f"{needed / 1e9:.1f} GB of memory, but {available / 1e9:.1f} GB are free; {advice}"
        )


def free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return machine_memory()["MemAvailable"]


def machine_memory() -> dict[str, int]:
    """What Linux says about the memory of the machine, in bytes."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return {name.rstrip(":"): 1024 * int(size) for name, size, *_ in lines}
