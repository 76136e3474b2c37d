"""Any encoder over any list of sequences: order, batches, pooling.

Identical sequences are embedded once. On a CPU a batch holds sequences of equal token length, so
nothing is padded and no bit of a vector depends on the other sequences. On a GPU the bits depend on
them anyway, so its batches are full: sequences of similar length, padded to the longest.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqloom.embedding.batches import Pieces, batch_end, pieces_of
from seqloom.embedding.loading import Model, Reader
from seqloom.embedding.resume import KeptRows, Work
from seqloom.encoders.pooling import POOLINGS
from seqloom.errors import InputError
from seqloom.files.progress import Progress

log = logging.getLogger(__name__)

# On a CPU larger batches are no faster, and a job that is stopped first finishes its batch.
TOKENS_PER_BATCH = {"cpu": 1024, "cuda": 32768}
BATCHES_AHEAD = 8
TOKENIZED_TOGETHER = 4096

# Place of the first vector; the vectors on the CPU; the event after which they are there.
Batch = tuple[int, Tensor, torch.cuda.Event | None]


@dataclass(frozen=True)
class Tokens:
    """Sequences as a model reads them, identical ones once."""

    which: np.ndarray  # the place of each sequence among the distinct ones
    pieces: Pieces


@dataclass(frozen=True)
class Embedded:
    rows: np.ndarray
    pieces: np.ndarray  # of how many pieces each row is the average
    tokens: int  # that were read in this run, not before a restart


def tokenize(reader: Reader, sequences: Sequence[str]) -> Tokens:
    distinct = {sequence: i for i, sequence in enumerate(dict.fromkeys(sequences))}
    which = np.fromiter((distinct[sequence] for sequence in sequences), int, len(sequences))
    tokens = _tokenized(reader, list(distinct))
    return Tokens(which, pieces_of(tokens, reader.description["max_length"], reader.reading))


@torch.inference_mode()
def embed(
    model: Model,
    ids: Sequence[str],
    sequences: Sequence[str],
    store: str = "float32",
    too_long: str = "refuse",
    work: Work | None = None,
    tokens_per_batch: int | None = None,
    tokens: Tokens | None = None,
) -> Embedded:
    """One row per sequence, in order; `ids` name them in errors; `tokens` are theirs, if known.

    What the model cannot read whole is refused, or `split` into pieces whose vectors are averaged.
    """
    tokens = tokens or tokenize(model, sequences)
    which, pieces = tokens.which, tokens.pieces
    counts = pieces.counts[which]
    if too_long == "refuse" and counts.max(initial=1) > 1:
        raise _too_long(model, ids[counts.argmax()], sequences[counts.argmax()])
    order = np.argsort(-pieces.lengths, kind="stable")  # the longest first
    vectors = np.empty((len(order), model.description["width"]), store)

    def check(rows: np.ndarray, start: int) -> None:
        """Refuse vectors that are not finite; `start` is the place of the first."""
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if bad.size:
            sequence = np.searchsorted(pieces.counts.cumsum(), order[start + bad[0]], "right")
            raise InputError(
                f'record "{ids[np.argmax(which == sequence)]}": its embedding is not finite in '
                f"{model.dtype}, stored as {store}; use a wider dtype"
            )

    with KeptRows(vectors, work) as kept:
        read = int(pieces.lengths[order[kept.done :]].sum())
        budget = tokens_per_batch or TOKENS_PER_BATCH[model.device.type]
        batches = _batches(model, pieces, order, kept.done, budget)
        title = f"embed {model.description['backend']}"
        with Progress(title, len(order) - kept.done, "sequences") as progress:
            _save_batches(batches, kept, check, progress)
    return Embedded(vectors[_averaged(vectors, order, pieces.counts)[which]], counts, read)


def _save_batches(
    batches: Iterator[Batch],
    kept: KeptRows,
    check: Callable[[np.ndarray, int], None],
    progress: Progress,
) -> None:
    """A thread checks and saves the vectors of each batch while the next are computed."""
    dtype = getattr(torch, kept.rows.dtype.name)

    def save(start: int, rows: Tensor, is_there: torch.cuda.Event | None) -> None:
        if is_there:
            is_there.synchronize()
        if start == kept.done:  # else a batch before failed
            stored = rows.to(dtype).numpy()
            check(stored, start)
            kept.add(stored)
            progress.advance(len(stored))

    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1) as writer:
        for batch in batches:
            waiting.append(writer.submit(save, *batch))
            # This bounds the memory, and a failure is noticed early.
            if len(waiting) > BATCHES_AHEAD:
                waiting.popleft().result()
        for written in waiting:
            written.result()


def _tokenized(reader: Reader, sequences: list[str]) -> Iterator[list[int]]:
    for start in range(0, len(sequences), TOKENIZED_TOGETHER):
        together = sequences[start : start + TOKENIZED_TOGETHER]
        yield from reader.reading.token_ids(reader.tokenizer, together)


def _too_long(model: Model, record: str, sequence: str) -> InputError:
    [tokens] = _tokenized(model, [sequence])
    return InputError(
        f'record "{record}": {len(tokens)} tokens, but {model.description["backend"]} reads at '
        f"most {model.description['max_length']}; use shorter windows, leave the record out, or "
        "set `embed: too_long: split`"
    )


def _averaged(vectors: np.ndarray, order: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The row of each sequence, after the average of its pieces is stored at its first piece."""
    place = np.argsort(order)
    first = counts.cumsum() - counts
    for sequence in np.flatnonzero(counts > 1):
        # Pieces of a sequence have one length, hence one weight.
        own = place[first[sequence] : first[sequence] + counts[sequence]]
        vectors[own[0]] = vectors[own].mean(axis=0, dtype=np.float32)
    return place[first]


def _batches(
    model: Model, pieces: Pieces, order: np.ndarray, start: int, budget: int
) -> Iterator[Batch]:
    """Vectors of the pieces in `order`, from the one at `start` on."""
    lengths, pads = pieces.lengths[order], model.device.type != "cpu"
    while start < len(order):
        end, length = batch_end(lengths, start, budget, pads), lengths[start]
        try:
            rows = pooled(model, *pieces.padded(order[start:end], length))
        except torch.cuda.OutOfMemoryError:
            budget = _halved(end - start, length)
            continue
        # The GPU goes on while vectors are copied.
        copied = rows.to("cpu", non_blocking=True)
        yield start, copied, torch.cuda.current_stream().record_event() if rows.is_cuda else None
        start = end


def _halved(sequences: int, length: int) -> int:
    """Half the tokens of a batch that was too large for the GPU."""
    if sequences == 1:
        raise InputError(
            f"the GPU has too little memory for a single sequence of {length} tokens; "
            "use shorter windows, or a GPU with more memory"
        )
    tokens = sequences * length // 2
    log.info("out of memory: %d tokens a batch from here on", tokens)
    return tokens


def pooled(model: Model, tokens: np.ndarray, mask: np.ndarray | None) -> Tensor:
    """One float32 vector per row of tokens, on the device."""
    there = None if mask is None else _on_device(mask, model.device)
    states = model.encoder(_on_device(tokens, model.device), there)
    return POOLINGS[model.description["pooling"]](states, there, model.reading)


def _on_device(values: np.ndarray, device: torch.device) -> Tensor:
    tensor = torch.from_numpy(values)
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)
