"""Any encoder over any list of sequences: tokens, order, precision, what cannot be embedded.

Identical sequences are embedded once.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from seqloom.embedding.batches import Pieces, pieces_of
from seqloom.embedding.compute import Plan, compute
from seqloom.embedding.loading import Model, Reader, in_dtype
from seqloom.embedding.resume import Work
from seqloom.encoders.pooling import SPECIAL_TOKENS_COUNT
from seqloom.errors import InputError

log = logging.getLogger(__name__)

# The library needs a few hundred bytes for each token while it works.
TOKENIZED_TOGETHER = 256
# Rows are put in order with a copy of so many columns.
COLUMNS_TOGETHER = 64
# A sequence whose row is not finite is read again in these.
WIDER = {"float16": ("bfloat16", "float32"), "bfloat16": ("float32",), "float32": ()}


@dataclass(frozen=True)
class Tokens:
    """Sequences as a model reads them, identical ones once."""

    which: np.ndarray  # the place of each sequence among the distinct ones
    pieces: Pieces


@dataclass(frozen=True)
class Embedded:
    """One row a sequence, NaN if it failed; or, of residues, as many as a sequence has."""

    rows: np.ndarray
    counts: np.ndarray  # how many rows each sequence has
    pieces: np.ndarray  # in how many pieces each was read
    redone: dict[str, list[int]]  # the sequences that were read again, by the dtype that they took
    failures: dict[int, str]  # what is wrong with a sequence
    tokens: int  # that were read in this run, not before a restart


def tokenize(reader: Reader, sequences: Sequence[str]) -> Tokens:
    distinct = {sequence: i for i, sequence in enumerate(dict.fromkeys(sequences))}
    which = np.fromiter((distinct[sequence] for sequence in sequences), int, len(sequences))
    tokens, limit = _tokenized(reader, list(distinct)), reader.description["max_length"]
    special_tokens_count = SPECIAL_TOKENS_COUNT[reader.description["pooling"]]
    return Tokens(which, pieces_of(tokens, limit, reader.reading, special_tokens_count))


def _tokenized(reader: Reader, sequences: list[str]) -> Iterator[list[int]]:
    for start in range(0, len(sequences), TOKENIZED_TOGETHER):
        together = sequences[start : start + TOKENIZED_TOGETHER]
        yield from reader.reading.token_ids(reader.tokenizer, together)


@torch.inference_mode()
def embed(
    model: Model,
    ids: Sequence[str],
    sequences: Sequence[str],
    store: str = "float32",
    too_long: str = "refuse",
    failures: str = "stop",
    residues: bool = False,
    work: Work | None = None,
    tokens_per_batch: int | None = None,
    tokens: Tokens | None = None,
) -> Embedded:
    """The rows of the sequences, in order; `ids` name them in errors, `tokens` may be known.

    What the model cannot read whole is refused, or `split` into pieces whose own tokens are put
    together. A sequence that has no row after all stops the job, or fails alone: `skip`.
    """
    tokens = tokens or tokenize(model, sequences)
    pieces = tokens.pieces
    problems = _too_long(model, pieces) if too_long == "refuse" else {}
    if failures == "stop":
        _stop_at(problems, tokens, ids)
    chosen = np.flatnonzero(~np.isin(pieces.sequences, list(problems)))
    order = chosen[np.argsort(-pieces.lengths[chosen], kind="stable")]  # the longest first
    plan = Plan(pieces, order, residues)
    read_rows, counts = plan.sizes.sum(), _row_counts(tokens, residues)
    matrix = np.empty((max(read_rows, counts.sum()), model.description["width"]), store)
    rows = matrix[:read_rows]
    read = compute(rows, model, plan, work, tokens_per_batch)
    took: dict[int, str] = {}
    for dtype in WIDER[model.dtype]:
        if len(places := _not_finite(rows, plan)):
            _read_again(rows, in_dtype(model, dtype), plan, places, tokens_per_batch)
            took |= dict.fromkeys(pieces.sequences[order[places]], dtype)
    for sequence in pieces.sequences[order[_not_finite(rows, plan)]]:
        problems[sequence] = f"its embedding is not finite in float32, stored as {store}"
    if failures == "stop":
        _stop_at(problems, tokens, ids)
    failed = np.isin(tokens.which, list(problems))
    redone: dict[str, list[int]] = {}
    for record in np.flatnonzero(~failed & np.isin(tokens.which, list(took))).tolist():
        redone.setdefault(took[tokens.which[record]], []).append(record)
    if residues:
        counts[failed] = 0
    return Embedded(
        rows=(_residues if residues else _averages)(matrix, plan, tokens, failed),
        counts=counts,
        pieces=np.where(failed, 0, pieces.counts[tokens.which]),
        redone=redone,
        failures={i: problems[tokens.which[i]] for i in np.flatnonzero(failed).tolist()},
        tokens=read,
    )


def _stop_at(problems: dict[int, str], tokens: Tokens, ids: Sequence[str]) -> None:
    if problems:
        first, *others = np.flatnonzero(np.isin(tokens.which, list(problems)))
        more = f"; {len(others)} more records fail" if others else ""
        raise InputError(
            f'record "{ids[first]}": {problems[tokens.which[first]]}{more}; leave them out, or for '
            "proteins set `embed: {failures: skip}`"
        )


def _too_long(model: Model, pieces: Pieces) -> dict[int, str]:
    """What is wrong with the distinct sequences that the model cannot read whole."""
    name, limit = model.description["backend"], model.description["max_length"]
    problems = {}
    for sequence in np.flatnonzero(pieces.counts > 1).tolist():
        residues = pieces.sizes[pieces.of(sequence)].sum()
        problems[sequence] = (
            f"{residues} residues, but {name} reads at most {limit} tokens (it reads longer ones "
            "in pieces with `embed: {too_long: split}`)"
        )
    return problems


def _read_again(
    rows: np.ndarray, model: Model, plan: Plan, places: np.ndarray, tokens_per_batch: int | None
) -> None:
    """Compute the rows of the pieces at these places once more."""
    log.warning("%d pieces are not finite; reading them in %s", len(places), model.dtype)
    part = Plan(plan.pieces, plan.order[places], plan.residues)
    again = np.empty((part.sizes.sum(), rows.shape[1]), rows.dtype)
    compute(again, model, part, None, tokens_per_batch)
    rows[plan.rows_of(places)] = again


def _not_finite(rows: np.ndarray, plan: Plan) -> np.ndarray:
    """The places of pieces with a value that is not finite."""
    with np.errstate(invalid="ignore"):
        bad = ~np.isfinite(rows.sum(axis=1, dtype=np.float64))
    return np.unique(np.repeat(np.arange(len(plan.order)), plan.sizes)[bad])


def _places(plan: Plan) -> np.ndarray:
    """The place of each piece in the order; that of a piece which is not read has no meaning."""
    places = np.zeros(len(plan.pieces.lengths), int)
    places[plan.order] = np.arange(len(plan.order))
    return places


def _row_counts(tokens: Tokens, residues: bool) -> np.ndarray:
    """How many rows each sequence has if it does not fail."""
    if not residues:
        return np.ones_like(tokens.which)
    pieces = tokens.pieces
    own = np.bincount(pieces.sequences, pieces.sizes, len(pieces.counts))
    return own.astype(int)[tokens.which]


def _averages(matrix: np.ndarray, plan: Plan, tokens: Tokens, failed: np.ndarray) -> np.ndarray:
    """One row for each sequence, the mean over its own tokens in all pieces; NaN if it failed."""
    pieces, places = plan.pieces, _places(plan)
    for sequence in np.unique(tokens.which[~failed & (pieces.counts > 1)[tokens.which]]):
        own = pieces.of(sequence)
        weights = pieces.sizes[own]
        matrix[places[own[0]]] = np.average(matrix[places[own]], axis=0, weights=weights)
    found = _in_order(matrix, places[pieces.firsts[tokens.which]])
    found[failed] = np.nan
    return found


def _residues(matrix: np.ndarray, plan: Plan, tokens: Tokens, failed: np.ndarray) -> np.ndarray:
    """The rows of all own tokens of each sequence, none if it failed."""
    own = [plan.pieces.of(sequence) for sequence in tokens.which[~failed]]
    places = _places(plan)[np.concatenate([np.arange(0), *own])]
    return _in_order(matrix, plan.rows_of(places))


def _in_order(matrix: np.ndarray, places: np.ndarray) -> np.ndarray:
    """`matrix[places]`, written over the matrix: a second one may not fit into memory."""
    for first in range(0, matrix.shape[1], COLUMNS_TOGETHER):
        columns = slice(first, first + COLUMNS_TOGETHER)
        matrix[: len(places), columns] = matrix[places, columns]
    return matrix[: len(places)]
