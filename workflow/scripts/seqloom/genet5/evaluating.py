"""Validation during a training: its loss, and how many exons and genes are found by generation."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from seqloom.annotate.codec import Piece
from seqloom.annotate.scores import Counts, compare
from seqloom.genet5.generation import generate
from seqloom.genet5.loading import Batches
from seqloom.genet5.network import GeneT5
from seqloom.genet5.order import MicroBatch, Order
from seqloom.genet5.ranks import Ranks
from seqloom.seqs.genes import Gene, Transcript

_LEVELS = "exon", "gene"


class Evaluation:
    """Some windows of validation, shared by the ranks."""

    def __init__(self, validation: Batches, most: int, budget: int, ranks: Ranks) -> None:
        self._batches, self._ranks = validation.some(most), ranks
        tokens = self._batches.windows.sizes("tokens")
        self.count = len(tokens)
        # A model that has learned little would go on for long.
        self._most_steps = 2 * int(self._batches.windows.sizes("steps").max()) + 8
        [*shares] = Order(tokens, 0, self.count, budget, ranks.count).step(1)
        self._micro_batches = [micro for micro in shares[ranks.number] if micro.counts]

    def loss_sums(self, loss: nn.Module, check: Callable[[], None]) -> Tensor:
        """[2, 2] over all ranks, as `loss` gives them for a batch."""
        sums = torch.zeros(2, 2, device=self._ranks.device)
        for batch in self._batches.read(self._micro_batches, workers=0):
            check()
            sums += loss(batch.to(self._ranks.device))
        return self._ranks.summed(sums)

    def counts(self, network: GeneT5, check: Callable[[], None]) -> dict[str, Counts]:
        """Counts of exons and genes of all ranks, of all biotypes."""
        totals = {level: Counts() for level in _LEVELS}
        for micro in self._micro_batches:
            check()
            for level, counts in self._of(network, micro).items():
                totals[level] += counts
        numbers = [list(vars(totals[level]).values()) for level in _LEVELS]
        summed = self._ranks.summed(torch.tensor(numbers, device=self._ranks.device)).tolist()
        return {level: Counts(*row) for level, row in zip(_LEVELS, summed, strict=True)}

    def _of(self, network: GeneT5, micro: MicroBatch) -> Mapping[str, Counts]:
        examples = self._batches.examples(micro)
        codec, rules = self._batches.codec, self._batches.rules
        written = generate(network, examples, codec, rules, most=self._most_steps)
        known = _genes([example.pieces for example in examples])
        levels = compare(known, _genes([one.pieces for one in written]))
        return {level: levels[level] for level in _LEVELS}


def _genes(windows: Sequence[Sequence[Piece]]) -> list[Gene]:
    """The pieces of each window as genes of a contig of its own; the biotype counts like a name."""
    return [
        Gene("", f"{number} {piece.biotype}", piece.strand, piece.biotype, (whole,))
        for number, pieces in enumerate(windows)
        for piece in pieces
        for whole in [Transcript("", piece.exons)]
    ]


def score_row(counts: Mapping[str, Counts]) -> dict[str, str | int]:
    """The columns of scores; those of precision and recall are empty where there is nothing."""
    row: dict[str, str | int] = {}
    for level in _LEVELS:
        for name in ("f1", "precision", "recall"):
            value = getattr(counts[level], name)
            row[f"{level}_{name}"] = "" if value != value else f"{value:.4f}"
    return row | {
        "num_predicted": counts["gene"].predicted,
        "num_ref": counts["gene"].annotated,
    }
