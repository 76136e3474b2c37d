"""Windows and targets as tensors."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from seqloom.annotate.codec import STRANDS, Codec, Step
from seqloom.annotate.examples import Example
from seqloom.annotate.grammar import Walk, Window
from seqloom.annotate.signals import Rules
from seqloom.genet5.reading_frames import UNKNOWN_BASE, open_codons

PAD = 3  # [PAD] of DNABERT's tokenizer
NO_BASE = 5
_BASE_CODES = np.full(256, UNKNOWN_BASE)
_BASE_CODES[np.frombuffer(b"ACGT", np.uint8)] = range(4)


class _Batch:
    def to(self, device: torch.device | str):
        return replace(self, **{f.name: getattr(self, f.name).to(device) for f in fields(self)})


@dataclass(frozen=True)
class WindowBatch(_Batch):
    """What the encoder reads."""

    ids: Tensor  # int64 [B, N] DNA token ids with [CLS] and [SEP], [PAD] after
    token_mask: Tensor  # bool [B, N], False at padding
    bases: Tensor  # int64 [B, L] A C G T = 0..3, all else 4, padding 5
    base_mask: Tensor  # bool [B, L]
    token_of_base: Tensor  # int64 [B, L] the number of the token that has the base; 0 at padding
    open_codons: Tensor  # float32 [B, L, 2] see genet5.reading_frames; 0 at padding


@dataclass(frozen=True)
class TargetBatch(_Batch):
    """The steps of targets, `<bos>` first, and what the grammar allows at each."""

    tokens: Tensor  # int64 [B, T] number among codec.tokens; -1 at positions and padding
    positions: Tensor  # int64 [B, T] first or last base of an exon; -1 at tokens and padding
    allowed_tokens: Tensor  # bool [B, T, V] the true one always among them
    allowed_bases: Tensor  # bool [B, T, L] likewise


def window_batch(examples: Sequence[Example]) -> WindowBatch:
    codes = [_BASE_CODES[np.frombuffer(e.letters.encode(), np.uint8)] for e in examples]
    owners = [
        np.searchsorted(e.token_ends, np.arange(len(e.letters)), side="right") for e in examples
    ]
    ids = _padded([example.tokens for example in examples], -1)
    bases = _padded(codes, NO_BASE)
    frames = torch.zeros(*bases.shape, len(STRANDS))
    for row, own, example in zip(frames, codes, examples, strict=True):
        row[: len(own)] = torch.from_numpy(open_codons(own, example.place.genetic_code))
    return WindowBatch(
        ids.masked_fill(ids < 0, PAD), ids >= 0, bases, bases != NO_BASE, _padded(owners, 0), frames
    )


def target_batch(examples: Sequence[Example], codec: Codec, rules: Rules) -> TargetBatch:
    """The targets of windows as they are annotated."""
    targets = [codec.encode(example.pieces) for example in examples]
    return batch_of_targets(examples, targets, codec, rules)


def batch_of_targets(
    examples: Sequence[Example], written: Sequence[Sequence[Step]], codec: Codec, rules: Rules
) -> TargetBatch:
    """The given target of each window."""
    most = max(len(example.letters) for example in examples)
    targets = [
        _target(example, steps, codec, rules)
        for example, steps in zip(examples, written, strict=True)
    ]
    steps = max(len(target.tokens) for target in targets)
    shape = len(examples), steps
    batch = TargetBatch(
        torch.full(shape, -1),
        torch.full(shape, -1),
        torch.zeros(*shape, len(codec.tokens), dtype=torch.bool),
        torch.zeros(*shape, most, dtype=torch.bool),
    )
    for row, target in enumerate(targets):
        for field in fields(batch):
            own = torch.from_numpy(getattr(target, field.name))
            place = (row, *map(slice, own.shape))
            getattr(batch, field.name)[place] = own
    return batch


@dataclass(frozen=True)
class _Target:
    """A row of a TargetBatch, without padding."""

    tokens: np.ndarray
    positions: np.ndarray
    allowed_tokens: np.ndarray
    allowed_bases: np.ndarray


def _target(example: Example, steps: Sequence[Step], codec: Codec, rules: Rules) -> _Target:
    numbers = {token: number for number, token in enumerate(codec.tokens)}
    walk = Walk(Window(example.letters, example.place.genetic_code, rules), codec.biotypes)
    count = len(steps)
    target = _Target(
        np.full(count, -1),
        np.full(count, -1),
        np.zeros((count, len(numbers)), bool),
        np.zeros((count, len(example.letters)), bool),
    )
    for number, step in enumerate(steps):
        if isinstance(step, int):
            base = step - (walk.expects == "end")
            target.positions[number] = base
            target.allowed_bases[number] = walk.positions()
            target.allowed_bases[number, base] = True
        else:
            target.tokens[number] = numbers[step]
            allowed = [numbers[token] for token in walk.tokens() | {step}]
            target.allowed_tokens[number, allowed] = True
        walk.take(step)
    return target


def _padded(rows: Sequence[np.ndarray], fill: int) -> Tensor:
    padded = np.full((len(rows), max(map(len, rows))), fill)
    for row, values in zip(padded, rows, strict=True):
        row[: len(values)] = values
    return torch.from_numpy(padded)
