"""The rows of pieces of sequences, computed batch by batch on the device.

On a CPU a batch holds pieces of equal length, so nothing is padded and a row does not depend on its
neighbors by a single bit. A GPU, whose numbers depend on them anyway, is given full batches of
similar lengths, padded to the longest.
"""

import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from seqloom.embedding.batches import Pieces, batch_end
from seqloom.embedding.loading import Model
from seqloom.embedding.resume import KeptRows, Work
from seqloom.encoders.pooling import mean_states, single_states
from seqloom.errors import InputError
from seqloom.files.progress import Progress

log = logging.getLogger(__name__)

# More are no faster on a CPU, and a signal to stop waits for the end of a batch.
TOKENS_PER_BATCH = {"cpu": 1024, "cuda": 32768}
BATCHES_AHEAD = 8

# Number of the first row, rows on the CPU, number of pieces, what happens when they have arrived.
Batch = tuple[int, Tensor, int, torch.cuda.Event | None]


@dataclass(frozen=True)
class Plan:
    """Pieces in the order in which they are read; each gives one row, or one for each own token."""

    pieces: Pieces
    order: np.ndarray
    residues: bool

    @cached_property
    def sizes(self) -> np.ndarray:
        """How many rows each piece gives."""
        return self.pieces.sizes[self.order] if self.residues else np.ones_like(self.order)

    @cached_property
    def firsts(self) -> np.ndarray:
        """The number of the first row of each piece."""
        return self.sizes.cumsum() - self.sizes

    def rows_of(self, places: np.ndarray) -> np.ndarray:
        """The numbers of all rows of the pieces at these places of the order."""
        firsts, sizes = self.firsts[places], self.sizes[places]
        return np.repeat(firsts - (sizes.cumsum() - sizes), sizes) + np.arange(sizes.sum())


def compute(
    rows: np.ndarray, model: Model, plan: Plan, work: Work | None, tokens_per_batch: int | None
) -> int:
    """Fill `rows`, going on where `work` ended; return how many tokens were read for that."""
    with KeptRows(rows, work) as kept:
        start = int(np.searchsorted(plan.firsts, kept.done))
        left = plan.order[start:]
        batches = _batches(model, plan, start, tokens_per_batch)
        title = f"embed {model.description['backend']}"
        with Progress(title, len(left), "sequences") as progress:
            _save_batches(batches, kept, progress)
    return int(plan.pieces.lengths[left].sum())


def _save_batches(batches: Iterator[Batch], kept: KeptRows, progress: Progress) -> None:
    """A thread saves the rows of each batch while the next are computed."""
    dtype = getattr(torch, kept.rows.dtype.name)

    def save(start: int, rows: Tensor, pieces: int, arrival: torch.cuda.Event | None) -> None:
        if arrival:
            arrival.synchronize()
        if start == kept.done:  # else a batch before failed
            kept.add(rows.to(dtype).numpy())
            progress.advance(pieces)

    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1) as writer:
        for batch in batches:
            waiting.append(writer.submit(save, *batch))
            # Neither too much in memory, nor a failure noticed at the end only.
            if len(waiting) > BATCHES_AHEAD:
                waiting.popleft().result()
        for written in waiting:
            written.result()


def _batches(model: Model, plan: Plan, start: int, tokens_per_batch: int | None) -> Iterator[Batch]:
    """The rows of the pieces in order, from the one at `start` on."""
    pieces, order, pads = plan.pieces, plan.order, model.device.type != "cpu"
    budget = tokens_per_batch or TOKENS_PER_BATCH[model.device.type]
    lengths = pieces.lengths[order]
    while start < len(order):
        end = batch_end(lengths, start, budget, pads)
        try:
            rows = pooled(model, pieces, order[start:end], plan.residues)
        except torch.cuda.OutOfMemoryError:
            budget = _halved(end - start, lengths[start])
            continue
        # A GPU does not wait for its copies.
        copied = rows.to("cpu", non_blocking=True)
        arrival = torch.cuda.current_stream().record_event() if rows.is_cuda else None
        yield int(plan.firsts[start]), copied, end - start, arrival
        start = end


def _halved(sequences: int, length: int) -> int:
    """The tokens of half a batch that was too large for the GPU."""
    if sequences == 1:
        raise InputError(
            f"the GPU has too little memory for a single sequence of {length} tokens; "
            "use shorter windows, or a GPU with more memory"
        )
    tokens = sequences * length // 2
    log.info("out of memory: %d tokens a batch from here on", tokens)
    return tokens


def pooled(model: Model, pieces: Pieces, chosen: np.ndarray, residues: bool = False) -> Tensor:
    """The float32 rows of the chosen pieces, on the device."""
    tokens, mask = pieces.padded(chosen, pieces.lengths[chosen].max())
    mask = None if mask is None else _on_device(mask, model.device)
    states = model.encoder(_on_device(tokens, model.device), mask)
    own = (_on_device(ends[chosen], model.device) for ends in (pieces.begins, pieces.ends))
    return single_states(states, *own) if residues else mean_states(states, *own)


def _on_device(values: np.ndarray, device: torch.device) -> Tensor:
    tensor = torch.from_numpy(values)
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)
