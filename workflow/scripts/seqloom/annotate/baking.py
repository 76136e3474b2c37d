"""The windows of a species as shards."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from seqloom.annotate.codec import Codec
from seqloom.annotate.examples import Example, Place, tokenized, write_examples
from seqloom.annotate.rule_counts import RuleCounts
from seqloom.annotate.window_plan import TRAIN, Window, window_pieces
from seqloom.errors import InputError
from seqloom.files.atomic import atomic
from seqloom.files.checksums import sha256
from seqloom.seqs.genes import ContigGenes, Gene
from seqloom.seqs.genome import Genome

SHARD_BASES = 20_000_000


@dataclass(frozen=True)
class Species:
    """A genome and those of its genes that are written."""

    name: str
    genome: Genome
    genes: Mapping[str, ContigGenes]
    codes: Mapping[str, int]  # the genetic code of each contig

    def letters(self, window: Window) -> str:
        return self.genome.region(window.contig, window.start, window.end).decode()

    def known(self, window: Window) -> float:
        """The share of known bases."""
        letters = self.genome.region(window.contig, window.start, window.end)
        # Twenty times as fast as counting each of the four.
        unknown = letters.translate(None, b"ACGT")
        return 1 - len(unknown) / len(letters)

    def example(self, window: Window, tokenizer: Tokenizer) -> Example:
        letters = self.letters(window)
        place = Place(
            self.name,
            window.contig,
            window.start,
            window.end,
            window.part,
            self.codes[window.contig],
        )
        pieces = window_pieces(self.genes[window.contig], window.start, window.end)
        return Example(place, letters, *tokenized(letters, tokenizer), pieces)


def species_of(
    name: str, genome: Genome, genes: Iterable[Gene], biotypes: Sequence[str], code: int
) -> Species:
    """A species; a contig has the genetic code that most of its genes name, or else `code`."""
    known = frozenset(genome.names)
    by_contig: dict[str, list[Gene]] = defaultdict(list)
    named: dict[str, Counter[int]] = defaultdict(Counter)
    for gene in genes:
        if gene.contig not in known:
            raise InputError(
                f"{genome.path}: it lacks the contig {gene.contig} of the gene {gene.name}; "
                "make the index of genes from the annotation of this genome"
            )
        if gene.biotype in biotypes:
            by_contig[gene.contig].append(gene)
        if gene.genetic_code:
            named[gene.contig][gene.genetic_code] += 1
    codes = {
        contig: max(named[contig], key=lambda code: (named[contig][code], -code), default=code)
        for contig in genome.names
    }
    return Species(name, genome, {c: ContigGenes(by_contig[c]) for c in genome.names}, codes)


def shards_of(windows: Iterable[Window]) -> Iterator[tuple[str, list[Window]]]:
    """The names and windows of the shards, part by part; those of training are at the top."""
    parts: dict[str, list[Window]] = {}
    for window in windows:
        if not window.reason:
            parts.setdefault(window.part, []).append(window)
    for part, own in sorted(parts.items()):
        folder = "" if part == TRAIN else f"{part}/"
        ends = np.cumsum([window.end - window.start for window in own])
        _, firsts = np.unique((ends - 1) // SHARD_BASES, return_index=True)
        lasts = [*firsts[1:], len(own)]
        for number, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
            yield f"{folder}shard_{number:03d}.tar", own[first:last]


def bake(
    species: Species,
    windows: Sequence[Window],
    codec: Codec,
    tokenizer: Tokenizer,
    counts: RuleCounts,
    folder: Path,
) -> tuple[list[dict[str, Any]], dict[Window, int]]:
    """Write the shards of a species; what is in each, and the number of tokens of each window."""
    tokens: dict[Window, int] = {}

    def examples(chosen: Sequence[Window]) -> Iterator[Example]:
        for window in chosen:
            example = species.example(window, tokenizer)
            tokens[window] = len(example.tokens)
            counts.add(example, codec)
            yield example

    shards = []
    for name, chosen in shards_of(windows):
        path = folder / name
        with atomic(path) as temporary:
            write_examples(temporary, examples(chosen), codec)
        part = chosen[0].part
        shards.append({"file": name, "part": part, "windows": len(chosen), "sha256": sha256(path)})
    return shards, tokens
