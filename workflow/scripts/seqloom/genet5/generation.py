"""Writing the genes of windows, step by step, with what the grammar allows as masks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from seqloom.annotate.codec import BOS, EOS, GENE, Codec, Piece, Step
from seqloom.annotate.examples import Example
from seqloom.annotate.grammar import Walk, Window
from seqloom.annotate.signals import Rules
from seqloom.genet5.batches import window_batch
from seqloom.genet5.losses import allowed_log_probabilities
from seqloom.genet5.network import GeneT5, Memory

MOST_STEPS = 1024
TOKENS_READ = 2048  # at once, padding included, or one window
_LEAVE = 3 / 4  # of the windows of a batch under way: with fewer left, the finished ones leave it
_FEW = 1 / 8  # of the bases of a window: so many are read one by one, more all at once


@dataclass(frozen=True)
class Sampling:
    """How steps are drawn: among the `top_k` likeliest, and of these the fewest that have `top_p`
    of all the probability."""

    temperature: float = 0.8
    top_k: int | None = 50
    top_p: float | None = 0.9


@dataclass(frozen=True)
class Written:
    """The target of a window as a model wrote it."""

    steps: list[Step]  # <bos> first, <eos> last
    log_probabilities: list[float]  # of each step; 0 of <bos>, which is given
    pieces: list[Piece]
    scores: list[float]  # by piece: mean log-probability of its steps
    is_short: bool  # the limit of steps ended it


@torch.inference_mode()
def generate(
    network: GeneT5,
    examples: Sequence[Example],
    codec: Codec,
    rules: Rules,
    sampling: Sampling | None = None,
    generator: torch.Generator | None = None,
    copies: int = 1,
    most: int = MOST_STEPS,
) -> list[Written]:
    """The targets of windows, in one batch: `copies` of the first window, then of the second.

    Only the letters, tokens and genetic code of an example are read. Without `sampling` each step
    is the likeliest; with it a CPU `generator` draws. Log-probabilities are over what the grammar
    allows, after the temperature and before top-k and top-p: as `allowed_log_probabilities(logits /
    temperature, allowed)` gives them for the same steps. A target of `most` steps ends where it may
    once 7/8 of them are used; if it never may, the gene under way is dropped.
    """
    device = next(network.parameters()).device
    memory, places = _memory(network, examples, device)
    index = torch.arange(len(examples)).repeat_interleave(copies)
    memory = memory.rows(places[index].to(device))
    cache = network.cache(memory)
    windows = [Window(one.letters, one.place.genetic_code, rules) for one in examples]
    writings = [_Writing(Walk(windows[number], codec.biotypes), most) for number in index.tolist()]
    chooser = _Chooser(network, codec, sampling, generator)
    rows = writings
    while any(not one.is_done for one in rows):
        going = [number for number, one in enumerate(rows) if not one.is_done]
        if len(going) <= _LEAVE * len(rows):
            kept = torch.tensor(going, device=device)
            rows = [rows[number] for number in going]
            memory, cache = memory.rows(kept), cache.rows(kept)
        last = torch.tensor([chooser.numbers(one) for one in rows], device=device)
        states = network.decode(last[:, :1], last[:, 1:], memory, cache)
        chooser.go_on(rows, states, memory)
    return [one.written(codec) for one in writings]


def _memory(
    network: GeneT5, examples: Sequence[Example], device: torch.device
) -> tuple[Memory, Tensor]:
    """What is known of windows, read a few of like length at a time, and the place of each."""
    order = sorted(range(len(examples)), key=lambda number: len(examples[number].tokens))
    parts: list[list[int]] = [[]]
    for number in order:
        if (len(parts[-1]) + 1) * len(examples[number].tokens) > TOKENS_READ and parts[-1]:
            parts.append([])
        parts[-1].append(number)
    found = [network.encode(window_batch([examples[n] for n in part]).to(device)) for part in parts]
    return Memory.joined(found), torch.tensor(order).argsort()


@dataclass
class _Writing:
    """The target of a window under way."""

    walk: Walk
    most: int
    steps: list[Step] = field(default_factory=lambda: [BOS])
    log_probabilities: list[float] = field(default_factory=lambda: [0.0])
    last_end: tuple[int, float] = (1, 0.0)  # where it could end last, and the log-probability
    is_short: bool = False

    def __post_init__(self) -> None:
        self.walk.take(BOS)

    @property
    def is_done(self) -> bool:
        return self.walk.is_done or self.is_short

    @property
    def must_end(self) -> bool:
        """Whether it ends as soon as it may."""
        return len(self.steps) >= self.most - self.most // 8

    def take(self, step: Step, log_probability: float) -> None:
        self.steps.append(step)
        self.log_probabilities.append(log_probability)
        self.walk.take(step)
        if len(self.steps) == self.most and not self.walk.is_done:
            self._drop_gene()

    def _drop_gene(self) -> None:
        kept, log_probability = self.last_end
        self.steps[kept:] = [EOS]
        self.log_probabilities[kept:] = [log_probability]
        self.is_short = True

    def written(self, codec: Codec) -> Written:
        scores = [
            float(np.mean(self.log_probabilities[first:last])) for first, last in _genes(self.steps)
        ]
        pieces = codec.decode(self.steps)
        return Written(self.steps, self.log_probabilities, pieces, scores, self.is_short)


def _genes(steps: Sequence[Step]) -> Iterator[tuple[int, int]]:
    """The first step of each gene, and that after its last."""
    firsts = [number for number, step in enumerate(steps) if step == GENE]
    return zip(firsts, [*firsts[1:], len(steps) - 1][: len(firsts)], strict=True)


class _Chooser:
    """Chooses the next step of each window of a batch."""

    def __init__(
        self,
        network: GeneT5,
        codec: Codec,
        sampling: Sampling | None,
        generator: torch.Generator | None,
    ) -> None:
        self.network, self.sampling, self.generator = network, sampling, generator
        self.temperature = sampling.temperature if sampling else 1.0
        self.names = codec.tokens
        self.number_of = {token: number for number, token in enumerate(codec.tokens)}

    def numbers(self, writing: _Writing) -> tuple[int, int]:
        """The last step as the decoder reads it: a token, -1, or -1, a base."""
        step = writing.steps[-1]
        if not isinstance(step, int):
            return self.number_of[step], -1
        return -1, step - (writing.walk.expects == "phase")  # the last base of an exon

    def go_on(self, rows: Sequence[_Writing], states: Tensor, memory: Memory) -> None:
        """Take a step in each window that is not done, by the states [B, 1, W]."""
        going = [number for number, one in enumerate(rows) if not one.is_done]
        at_base = [n for n in going if rows[n].walk.expects in ("start", "end")]
        at_token = [n for n in going if rows[n].walk.expects not in ("start", "end")]
        if at_token:
            self._take_tokens(
                [rows[n] for n in at_token], self.network.token_logits(states[at_token, 0])
            )
        if at_base:
            self._take_bases([rows[n] for n in at_base], at_base, states, memory)

    def _take_tokens(self, rows: Sequence[_Writing], logits: Tensor) -> None:
        allowed = np.zeros(logits.shape, bool)
        for own, row in zip(allowed, rows, strict=True):
            own[[self.number_of[token] for token in row.walk.tokens()]] = True
        found = self._log_probabilities(logits, allowed)
        end = self.number_of[EOS]
        of_end = found[:, end].tolist()
        chosen = self._chosen(found)
        for number, row in enumerate(rows):
            if allowed[number, end]:
                row.last_end = len(row.steps), of_end[number]
                if row.must_end:
                    row.is_short = int(chosen[number]) != end
                    chosen[number] = end
        for row, number, value in zip(rows, chosen.tolist(), _of(found, chosen), strict=True):
            row.take(self.names[number], value)

    def _take_bases(
        self, rows: Sequence[_Writing], numbers: Sequence[int], states: Tensor, memory: Memory
    ) -> None:
        """Only the allowed bases are read where they are few, as the rules make them."""
        places = [np.flatnonzero(row.walk.positions()) for row in rows]
        most = max(map(len, places))
        allowed = np.arange(most) < np.array([len(own) for own in places])[:, None]
        bases = np.zeros(allowed.shape, np.int64)
        bases[allowed] = np.concatenate(places)
        device = states.device
        at_base, at = torch.tensor(numbers, device=device), torch.from_numpy(bases).to(device)
        if most < memory.keys.shape[1] * _FEW:
            logits = self.network.logits_at(states[at_base, 0], memory, at_base, at)
        else:
            logits = self.network.base_logits(states, memory)[at_base, 0].gather(1, at)
        found = self._log_probabilities(logits, allowed)
        chosen = self._chosen(found)
        for row, own, number, value in zip(
            rows, bases, chosen.tolist(), _of(found, chosen), strict=True
        ):
            row.take(int(own[number]) + (row.walk.expects == "end"), value)

    def _log_probabilities(self, logits: Tensor, allowed: np.ndarray) -> Tensor:
        mask = torch.from_numpy(allowed).to(logits.device)
        return allowed_log_probabilities(logits / self.temperature, mask)

    def _chosen(self, log_probabilities: Tensor) -> Tensor:
        """[B] numbers."""
        if self.sampling is None:
            return log_probabilities.argmax(dim=1)
        count = log_probabilities.shape[1]
        ordered, numbers = log_probabilities.topk(min(self.sampling.top_k or count, count))
        chances = ordered.exp().double()
        if self.sampling.top_p:
            before = chances.cumsum(dim=1) - chances
            chances[before >= self.sampling.top_p] = 0
        sums = chances.cumsum(dim=1)
        # Drawn on the CPU, so that a seed means the same on every device.
        draws = torch.rand(len(sums), 1, dtype=torch.float64, generator=self.generator)
        place = torch.searchsorted(sums, draws.to(sums.device) * sums[:, -1:], right=True)
        last = (chances > 0).sum(dim=1, keepdim=True) - 1
        return numbers.gather(1, torch.minimum(place, last))[:, 0]


def _of(log_probabilities: Tensor, chosen: Tensor) -> list[float]:
    return log_probabilities.gather(1, chosen[:, None])[:, 0].tolist()
