"""How many genes of an annotation the optional rules of the grammar could never write."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import pyarrow as pa

from seqloom.annotate.codec import Codec, Piece
from seqloom.annotate.examples import Example
from seqloom.annotate.grammar import Walk, Window
from seqloom.annotate.signals import Rules

NO_RULES = dict.fromkeys(asdict(Rules()), False)
TOGETHER = "together"  # all rules of the config
EXAMPLES = 3


@dataclass
class RuleCounts:
    """Coding genes of windows, and how many of them each rule refuses, with a few of these."""

    rules: Rules
    coding: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, example: Example, codec: Codec) -> None:
        """Count the coding genes of an example, each by itself."""
        coding = [piece for piece in example.pieces if piece.biotype == "CDS"]
        self.coding += len(coding)
        strictest = _window(example, Rules())
        refused = [piece for piece in coding if _refused_step(piece, strictest, codec)]
        for name, rules in self._rows() if refused else ():
            window = _window(example, rules)
            for piece in refused:
                if step := _refused_step(piece, window, codec):
                    self._count(name, f"{_name(piece, example)} by its {step}")

    def table(self) -> pa.Table:
        """A row for each rule."""
        names = [name for name, _ in self._rows()]
        return pa.table(
            {
                "rule": names,
                "coding_genes": [self.coding] * len(names),
                "never_written": [self.refused[name] for name in names],
                "examples": ["; ".join(self.examples.get(name, [])) for name in names],
            }
        )

    def _rows(self) -> Iterator[tuple[str, Rules]]:
        for name in NO_RULES:
            yield name, Rules(**NO_RULES | {name: True})
        yield TOGETHER, self.rules

    def _count(self, name: str, text: str) -> None:
        self.refused[name] += 1
        shown = self.examples.setdefault(name, [])
        if len(shown) < EXAMPLES:
            shown.append(text)


def _window(example: Example, rules: Rules) -> Window:
    return Window(example.letters, example.place.genetic_code, rules)


def _refused_step(piece: Piece, window: Window, codec: Codec) -> str:
    """What the rules do not allow of a gene that is alone in its window; empty if all is."""
    walk = Walk(window, codec.biotypes)
    for step in codec.encode([piece]):
        if not walk.allows(step):
            return walk.expects
        walk.take(step)
    return ""


def _name(piece: Piece, example: Example) -> str:
    place = example.place
    start, end = (place.start + edge for edge in (piece.exons[0].start, piece.exons[-1].end))
    return f"{place.contig}:{start}-{end}({piece.strand})"
