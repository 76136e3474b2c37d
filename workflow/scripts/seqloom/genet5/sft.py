"""Supervised fine-tuning: steps over all ranks, evaluation, checkpoints."""

import contextlib
import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from seqloom.errors import InputError
from seqloom.files.progress import Progress
from seqloom.genet5.checkpoints import (
    BEST,
    LATEST,
    State,
    read_state,
    step_folder,
    write_folder,
    write_state,
)
from seqloom.genet5.evaluating import Evaluation, score_row
from seqloom.genet5.loading import Batch, Batches
from seqloom.genet5.losses import loss_sums
from seqloom.genet5.network import GeneT5
from seqloom.genet5.order import MicroBatch, Order
from seqloom.genet5.ranks import Ranks
from seqloom.genet5.schedule import adamw, learning_rate, set_learning_rate
from seqloom.genet5.stopping import Signals
from seqloom.genet5.training_logs import (
    EVAL_COLUMNS,
    MEMORY_IN_ROWS,
    TRAINING_COLUMNS,
    MemoryLog,
    StepLog,
    memory,
    now,
)

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_SAVES = 600.0


@dataclass(frozen=True)
class Recipe:
    """The settings of a training that its numbers depend on."""

    steps: int
    batch: int  # windows a step
    tokens_per_batch: int
    lr: float
    warmup: float  # share of the steps
    weight_decay: float
    clip: float
    smoothing: float
    segment_weight: float
    dtype: str
    evaluate_every: int  # steps
    evaluate_windows: int
    seed: int


@dataclass(frozen=True)
class Output:
    """The folder of a training, and how a model is written to a folder."""

    folder: Path
    write_model: Callable[[Path, GeneT5], None]
    made_from: dict[str, Any]
    keep_every: int | None = None  # steps whose models stay


class WindowLoss(nn.Module):
    """The network and its loss, as the ranks share it."""

    def __init__(self, network: GeneT5, smoothing: float, with_segments: bool) -> None:
        super().__init__()
        self.network, self.smoothing, self.with_segments = network, smoothing, with_segments

    def forward(self, batch: Batch) -> Tensor:
        """[2, 2] of steps and of labels of bases: the sum of losses, and how many there are."""
        targets = batch.targets
        outputs = self.network(batch.windows, targets.tokens[:, :-1], targets.positions[:, :-1])
        labels = batch.labels if self.with_segments else None
        sums = loss_sums(outputs, targets, batch.windows, self.smoothing, labels)
        pairs = (sums.loss, sums.count), (sums.segment.loss, sums.segment.count)
        return torch.stack([torch.stack([loss, count.to(loss.dtype)]) for loss, count in pairs])


class Training:
    """A training in a folder; it goes on where an earlier one of the same settings ended."""

    def __init__(
        self,
        network: GeneT5,
        recipe: Recipe,
        training: Batches,
        validation: Batches,
        ranks: Ranks,
        output: Output,
        workers: int = 0,
    ) -> None:
        self.network, self.recipe, self.ranks, self.output = network, recipe, ranks, output
        self.training, self.workers = training, workers
        self.autocast = torch.autocast(
            ranks.device.type, torch.bfloat16, enabled=recipe.dtype == "bfloat16"
        )
        self.order = Order(
            training.windows.sizes("tokens"),
            recipe.seed,
            recipe.batch,
            recipe.tokens_per_batch,
            ranks.count,
        )
        self.loss = WindowLoss(network, recipe.smoothing, recipe.segment_weight > 0)
        self.shared = self.loss
        if ranks.count > 1:
            self.shared = DistributedDataParallel(self.loss, broadcast_buffers=False)
        self.evaluation = Evaluation(
            validation, recipe.evaluate_windows, recipe.tokens_per_batch, ranks
        )
        self.optimizer = adamw(network, recipe.weight_decay)
        self.signals = Signals()
        latest = output.folder / LATEST
        self.state = State()
        if latest.exists():
            self.state = read_state(latest, self.optimizer, output.made_from)

    def run(self) -> None:
        """Train to the last step; exit with the code for `try again` if a signal ends it."""
        self.saved_at = self.started_at = time.monotonic()
        self.first_step, self.seconds_before = self.state.step, self.state.seconds
        folder, rank = self.output.folder, self.ranks.number
        name = f"memory.rank{rank}.csv" if rank else "memory.csv"
        try:
            with MemoryLog(folder / name, self.ranks.device):
                self._run()
        except Exception as error:
            # When all ranks are stopped, one may lose another before it looks at its own signal.
            if not self.signals.heard:
                raise
            self._save()
            log.info("stopped by %s; the same command goes on from here", self.signals.heard)
            raise SystemExit(os.EX_TEMPFAIL) from error

    def _run(self) -> None:
        state, steps, is_first = self.state, self.recipe.steps, self.ranks.is_first
        if is_first:
            last = state.step if state.is_ended else state.step - 1
            self.rows = StepLog(self.output.folder / "training_log.csv", TRAINING_COLUMNS, last)
            self.scores = StepLog(self.output.folder / "eval_log.csv", EVAL_COLUMNS, last)
        if state.step:
            log.info("going on after step %d of %d", state.step, steps)
        if not state.is_ended:
            self._end_step()
        batches = self.training.read(self._micro_batches(), self.workers)
        total = self.order.token_count(state.step + 1, steps)
        with Progress("sft", total, "tokens") if is_first else contextlib.nullcontext() as progress:
            while state.step < steps:
                self._step(batches)
                self._end_step()
                if progress:
                    progress.advance(self.order.token_count(state.step, state.step))

    def _micro_batches(self) -> Iterator[MicroBatch]:
        for step in range(self.state.step + 1, self.recipe.steps + 1):
            yield from self.order.step(step)[self.ranks.number]

    def _step(self, batches: Iterator[Batch]) -> None:
        """A step of the optimizer; before it changes weights, all ranks have agreed."""
        step = self.state.step + 1
        windows = self.order.windows(step)
        sizes = self.training.windows.sizes
        counts = int((sizes("steps")[windows] - 1).sum()), int(sizes("bases")[windows].sum())
        micro_batches = self.order.step(step)[self.ranks.number]
        sums = torch.zeros(2, 2, device=self.ranks.device)
        self.network.train()
        for number in range(len(micro_batches), 0, -1):
            self.signals.check()
            sums += self._micro_step(next(batches), counts, is_last=number == 1)
        loss = self._mean(self.ranks.summed(sums))
        if not math.isfinite(loss):
            raise InputError(
                f"training diverged at step {step}; give a lower --lr, and another --out or remove "
                f"{self.output.folder}"
            )
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        set_learning_rate(self.optimizer, self._learning_rate(step))
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.state.step, self.state.loss, self.state.is_ended = step, loss, False

    def _micro_step(self, batch: Batch, counts: tuple[int, int], is_last: bool) -> Tensor:
        """Add gradients of the mean over the whole step; the sums of this batch."""
        is_alone = self.ranks.count == 1
        with contextlib.nullcontext() if is_alone or is_last else self.shared.no_sync():
            with self.autocast:
                sums = self.shared(batch.to(self.ranks.device))
            steps, bases = (part / count for part, count in zip(sums[:, 0], counts, strict=True))
            loss = steps + self.recipe.segment_weight * bases
            # The ranks' gradients are averaged, but each has a part of one sum.
            (loss * (self.ranks.count * batch.counts)).backward()
        return sums.detach() * batch.counts

    def _mean(self, sums: Tensor) -> float:
        """The loss of sums [2, 2] of all ranks."""
        steps, bases = (float(loss / count) for loss, count in sums)
        return steps + self.recipe.segment_weight * bases

    def _end_step(self) -> None:
        """Evaluate where that is due, write the row of the step and checkpoints."""
        state, recipe = self.state, self.recipe
        is_evaluated = state.step % recipe.evaluate_every == 0 or state.step == recipe.steps
        validation_loss = self._evaluate() if is_evaluated else None
        if self.ranks.is_first:
            self._add_row(validation_loss)
        state.is_ended = True
        if validation_loss is not None and validation_loss < (state.best_loss or math.inf):
            state.best_loss = validation_loss
            self._write(BEST)
        if self.output.keep_every and state.step % self.output.keep_every == 0:
            self._write(step_folder(state.step))
        if is_evaluated or time.monotonic() - self.saved_at > _SECONDS_BETWEEN_SAVES:
            self._save()

    def _evaluate(self) -> float:
        """The loss of validation; the scores of generated genes are written."""
        start, state = time.monotonic(), self.state
        self.network.eval()
        with torch.no_grad(), self.autocast:
            loss = self._mean(self.evaluation.loss_sums(self.loss, self.signals.check))
            counts = self.evaluation.counts(self.network, self.signals.check)
        if self.ranks.is_first:
            row = {"timestamp": now(), "epoch": self.order.epoch_of(state.step)}
            row |= {"global_step": state.step, **score_row(counts)}
            row |= {"num_samples": self.evaluation.count}
            self.scores.add(row | {"eval_sec": f"{time.monotonic() - start:.1f}"})
            shown = state.step, self.recipe.steps, state.loss, loss, counts["exon"].f1
            log.info("step %d of %d: loss %.4f, validation %.4f, exon F1 %.3f", *shown)
        return loss

    def _add_row(self, validation_loss: float | None) -> None:
        state, steps = self.state, self.recipe.steps
        seconds = time.monotonic() - self.started_at
        speed = (state.step - self.first_step) / seconds
        found = memory(self.ranks.device)
        self.rows.add(
            {
                "timestamp": now(),
                "elapsed_sec": f"{self.seconds_before + seconds:.1f}",
                "epoch": self.order.epoch_of(state.step),
                "global_step": state.step,
                "batch": (state.step - 1) % self.order.steps_per_epoch + 1,
                "num_batches": self.order.steps_per_epoch,
                "train_loss": f"{state.loss:.6f}",
                "val_loss": "" if validation_loss is None else f"{validation_loss:.6f}",
                "lr": f"{self._learning_rate(state.step):.6g}",
                "batch_per_sec": f"{speed:.4f}",
                "eta_sec": f"{(steps - state.step) / speed:.0f}" if speed else "",
                **{key: found.get(key, "") for key in MEMORY_IN_ROWS},
            }
        )

    def _learning_rate(self, step: int) -> float:
        return learning_rate(step, self.recipe.steps, self.recipe.warmup, self.recipe.lr)

    def _write(self, name: str) -> None:
        """Write the model to a folder."""
        if self.ranks.is_first:
            folder = self.output.folder / name
            write_folder(folder, lambda path: self.output.write_model(path, self.network))

    def _save(self) -> None:
        """Write the latest model with what the training needs to go on."""
        if not self.ranks.is_first:
            return
        self.saved_at = time.monotonic()
        self.state.seconds = self.seconds_before + self.saved_at - self.started_at

        def write(path: Path) -> None:
            self.output.write_model(path, self.network)
            write_state(path, self.state, self.optimizer, self.output.made_from)

        write_folder(self.output.folder / LATEST, write)
