"""GRPO: a trained model is refined by rewards for the genes that it samples.

In each step every prompt, a window, gets a group of samples. What a sample is better than its group
is its advantage, and the probability of its steps rises or falls with it.
"""

import copy
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seqloom.annotate.codec import Codec
from seqloom.annotate.examples import Example
from seqloom.annotate.signals import Rules
from seqloom.files.progress import Progress
from seqloom.genet5.batches import batch_of_targets, window_batch
from seqloom.genet5.checkpoints import BEST, LATEST, State, read_state, write_folder, write_state
from seqloom.genet5.generation import Sampling, Written, generate
from seqloom.genet5.network import GeneT5
from seqloom.genet5.policy import (
    Group,
    advantages,
    divergences,
    log_probabilities,
    policy_losses,
)
from seqloom.genet5.rewards import Reward, reward
from seqloom.genet5.schedule import adamw, set_learning_rate
from seqloom.genet5.stopping import Signals, Stopped
from seqloom.genet5.training_logs import StepLog

log = logging.getLogger(__name__)

LOG, CONFIG = "grpo_log.csv", "grpo_config.json"
COLUMNS = (
    *("global_step", "reward_mean", "reward_std", "exon_f1", "gene_f1"),
    *("policy_loss", "kl", "softness", "validation_reward", "seconds"),
)
_UPDATES = 2  # of a roll-out, each by half of its prompts
_SOFT = 0.5  # the share of the steps in which the reward becomes strict
_LARGEST_NORM = 1.0  # of gradients
_EVALUATIONS = 10


@dataclass(frozen=True)
class Recipe:
    """The settings that the numbers of a refinement depend on."""

    prompts: int = 8  # windows of a step
    group: int = 8  # samples of a window
    temperature: float = 0.8
    top_k: int = 50
    top_p: float = 0.9
    beta: float = 0.05  # of the divergence from the reference
    lr: float = 1e-6
    steps: int = 100
    seed: int = 42

    @property
    def sampling(self) -> Sampling:
        return Sampling(self.temperature, self.top_k, self.top_p)

    def softness(self, step: int) -> float:
        """That of the rewards of a step (from 1 on); it falls to 0."""
        return max(0.0, 1 - (step - 1) / (_SOFT * self.steps))

    @property
    def evaluate_every(self) -> int:
        return max(self.steps // _EVALUATIONS, 1)


@dataclass(frozen=True)
class Prompts:
    """Windows to learn from and to be judged by; `read` gives the window of a number."""

    count: int
    read: Callable[[int], Example]
    validation: Sequence[Example]
    codec: Codec
    rules: Rules

    def of_step(self, recipe: Recipe, step: int) -> list[Example]:
        draw = np.random.default_rng([recipe.seed, step])
        chosen = draw.choice(self.count, min(recipe.prompts, self.count), replace=False)
        return [self.read(int(number)) for number in chosen]


class Refinement:
    """GRPO in a folder; it goes on where an earlier one of the same settings ended."""

    def __init__(
        self,
        network: GeneT5,
        recipe: Recipe,
        prompts: Prompts,
        folder: Path,
        write_model: Callable[[Path, GeneT5], None],
        made_from: dict[str, Any],
    ) -> None:
        self.network, self.recipe, self.prompts = network.eval(), recipe, prompts
        self.folder, self.write_model, self.made_from = folder, write_model, made_from
        self.device = next(network.parameters()).device
        self.reference = copy.deepcopy(network).requires_grad_(False)
        self.optimizer = adamw(network, weight_decay=0.0)
        set_learning_rate(self.optimizer, recipe.lr)
        self.updates = min(_UPDATES, recipe.prompts, prompts.count)
        self.state = State()  # its steps are those of the optimizer
        self.signals = Signals()

    @property
    def step(self) -> int:
        """How many are done."""
        return self.state.step // self.updates

    def go_on(self, load_weights: Callable[[Path], GeneT5]) -> None:
        """Take up the state of an earlier run, if there is one."""
        latest = self.folder / LATEST
        if latest.exists():
            self.state = read_state(latest, self.optimizer, self.made_from)
            set_learning_rate(self.optimizer, self.recipe.lr)
            self.network.load_state_dict(load_weights(latest).state_dict())
            log.info("going on after step %d of %d", self.step, self.recipe.steps)

    def run(self) -> None:
        """Refine to the last step; exit with the code for `try again` if a signal ends it."""
        left = self.recipe.steps - self.step
        groups = left * min(self.recipe.prompts, self.prompts.count)
        try:
            with Progress("grpo", groups, "groups") as self.progress:
                self._run()
        except Stopped:
            self._save()
            log.info("stopped by %s; the same command goes on from here", self.signals.heard)
            raise SystemExit(os.EX_TEMPFAIL) from None

    def _run(self) -> None:
        self.log = StepLog(self.folder / LOG, COLUMNS, self.step or -1)
        if not self.step:
            self.log.add({"global_step": 0, "validation_reward": f"{self._evaluate():.6f}"})
        while self.step < self.recipe.steps:
            self._step(self.step + 1)

    def _step(self, step: int) -> None:
        start, recipe = time.monotonic(), self.recipe
        groups, rewards = self._roll_out(step)
        losses = [self._update(groups[first :: self.updates]) for first in range(self.updates)]
        is_evaluated = step % recipe.evaluate_every == 0 or step == recipe.steps
        values = torch.tensor([one.value for one in rewards])
        policy, kl = torch.tensor(losses).mean(dim=0).tolist()
        row = {
            "global_step": step,
            "reward_mean": f"{values.mean():.6f}",
            "reward_std": f"{values.std(correction=0):.6f}",
            "exon_f1": f"{np.mean([one.exon_f1 for one in rewards]):.6f}",
            "gene_f1": f"{np.mean([one.gene_f1 for one in rewards]):.6f}",
            "policy_loss": f"{policy:.6f}",
            "kl": f"{kl:.6f}",
            "softness": f"{recipe.softness(step):.4f}",
            "validation_reward": f"{self._evaluate():.6f}" if is_evaluated else "",
            "seconds": f"{time.monotonic() - start:.1f}",
        }
        self.log.add(row)
        log.info("step %(global_step)d: reward %(reward_mean)s, divergence %(kl)s", row)
        if is_evaluated:
            self._save()

    def _roll_out(self, step: int) -> tuple[list[Group], list[Reward]]:
        """The samples of a step as groups; and all their rewards."""
        recipe, prompts = self.recipe, self.prompts
        generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + step)
        groups, rewards = [], []
        for example in prompts.of_step(recipe, step):
            self.signals.check()  # here alone: the weights are those of whole steps
            written = generate(
                self.network,
                [example],
                prompts.codec,
                prompts.rules,
                recipe.sampling,
                generator,
                copies=recipe.group,
                most=most_steps(example, prompts.codec),
            )
            softness = recipe.softness(step)
            found = [reward(example.pieces, one.pieces, softness) for one in written]
            rewards += found
            groups.append(self._group(example, written, found))
            self.progress.advance()
        return groups, rewards

    def _group(
        self, example: Example, written: Sequence[Written], rewards: Sequence[Reward]
    ) -> Group:
        prompts, count = self.prompts, len(written)
        windows = window_batch([example]).to(self.device)
        targets = batch_of_targets(
            [example] * count, [one.steps for one in written], prompts.codec, prompts.rules
        ).to(self.device)
        with torch.no_grad():
            before, reference = (
                log_probabilities(network, windows, targets, self.recipe.temperature)
                for network in (self.network, self.reference)
            )
        values = torch.tensor([one.value for one in rewards], device=self.device)
        return Group(windows, targets, before, reference, advantages(values))

    def _update(self, groups: Sequence[Group]) -> tuple[float, float]:
        """A step of the optimizer; the means of the policy's loss and of the divergence."""
        count = sum(int(group.is_step.sum()) for group in groups)
        policy_sum = divergence_sum = 0.0
        for group in groups:
            now = log_probabilities(
                self.network, group.windows, group.targets, self.recipe.temperature
            )
            policy = policy_losses(now, group.before, group.advantages[:, None])
            policy = policy.masked_fill(~group.is_step, 0).sum() / count
            divergence = divergences(now, group.reference).sum() / count
            (policy + self.recipe.beta * divergence).backward()
            policy_sum += policy.item()
            divergence_sum += divergence.item()
        for parameter in self.network.segment.parameters():
            parameter.grad = torch.zeros_like(parameter)  # nothing here reads labels of bases
        nn.utils.clip_grad_norm_(self.network.parameters(), _LARGEST_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.state.step += 1
        return policy_sum, divergence_sum

    def _evaluate(self) -> float:
        """The strict mean reward of what is likeliest in validation; the best model is kept."""
        found = mean_reward(self.network, self.prompts)
        if self.state.best_loss is None or -found < self.state.best_loss:
            self.state.best_loss = -found
            write_folder(self.folder / BEST, lambda path: self.write_model(path, self.network))
        return found

    def _save(self) -> None:
        def write(path: Path) -> None:
            self.write_model(path, self.network)
            write_state(path, self.state, self.optimizer, self.made_from)

        write_folder(self.folder / LATEST, write)


def mean_reward(network: GeneT5, prompts: Prompts) -> float:
    """The strict reward of the likeliest genes of the windows of validation."""
    rewards = [
        reward(example.pieces, one.pieces, softness=0).value
        for example in prompts.validation
        for one in generate(
            network,
            [example],
            prompts.codec,
            prompts.rules,
            most=most_steps(example, prompts.codec),
        )
    ]
    return float(np.mean(rewards))


def most_steps(example: Example, codec: Codec) -> int:
    """Steps after which a sample is ended: a model that goes astray would write for long."""
    return 2 * len(codec.encode(example.pieces)) + 32
