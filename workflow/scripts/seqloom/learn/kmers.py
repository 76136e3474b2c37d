"""Sampled words (k-mers) of contigs, and how many of them two sets of contigs share."""

from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path

import numpy as np
import pandas as pd
from sourmash import MinHash

from seqloom.seqs.frames import open_stretches
from seqloom.seqs.genome import read_sequences

DNA, PROTEIN = "dna", "protein"
# Letters of a word; fewer residues would be found by chance in a few gigabases.
LETTERS = {DNA: 21, PROTEIN: 10}
# One word in this many is kept. A base has up to one word of DNA, and half a one of protein.
SCALED = {DNA: 10, PROTEIN: 5}
# Codons without a stop that are read as a protein: shorter stretches are there by chance.
MIN_CODONS = 100
# Bases of which all words are in memory at once, and those that two such pieces share.
PIECE = 1_000_000
OVERLAP = {DNA: LETTERS[DNA] - 1, PROTEIN: 10 * MIN_CODONS}
COLUMNS = ["contig", "words", "shared", "closest", "with_closest"]


def sampled_words(sequence: str, kind: str, scaled: int) -> np.ndarray:
    """The hashes of one in `scaled` words of a sequence, sorted: a FracMinHash sketch."""
    sketch = MinHash(n=0, ksize=LETTERS[kind], scaled=1, is_protein=kind == PROTEIN)
    most = np.uint64((2**64 - 1) // scaled)
    found = [np.empty(0, np.uint64)]
    for text in _texts(sequence.upper(), kind):
        # force=True leaves words with other letters than A, C, G and T out.
        hashes = sketch.seq_to_hashes(text, force=True, is_protein=kind == PROTEIN)
        hashes = np.array(hashes, np.uint64)
        found.append(hashes[hashes <= most])
    return np.unique(np.concatenate(found))


def _texts(sequence: str, kind: str) -> Iterator[str]:
    overlap = OVERLAP[kind]
    for start in range(0, max(1, len(sequence) - overlap), PIECE):
        piece = sequence[start : start + PIECE + overlap]
        if kind == DNA:
            yield piece
        else:
            yield from (text.decode() for text in open_stretches(piece.encode(), MIN_CODONS))


def words_of_contigs(
    genomes: Mapping[str, Path], wanted: Set[str], kind: str, scaled: int
) -> Iterator[tuple[str, np.ndarray]]:
    """The words of each wanted contig, `sample:contig`, one after the other."""
    for sample, genome in genomes.items():
        for contig, sequence in read_sequences(genome):
            name = f"{sample}:{contig}"
            if name in wanted:
                yield name, sampled_words(sequence, kind, scaled)


def shared_words(
    held: Iterable[tuple[str, np.ndarray]], passing: Iterable[tuple[str, np.ndarray]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row for each contig of `held` and of `passing`: how many words the other side has too.

    Only `held` is in memory. `closest` is the contig of the other side with the most of the words,
    `with_closest` their number.
    """
    names, words = _named_lists(held)
    owners = np.repeat(np.arange(len(words), dtype=np.int32), [len(own) for own in words])
    hashes = np.concatenate([np.empty(0, np.uint64), *words])
    order = np.argsort(hashes, kind="stable")
    hashes, owners = hashes[order], owners[order]
    found = np.zeros(len(hashes), bool)
    closest, most = np.full(len(words), -1), np.zeros(len(words), np.int64)
    others, rows = [], []
    for number, (name, own) in enumerate(passing):
        first, last = (np.searchsorted(hashes, own, side) for side in ("left", "right"))
        lengths = last - first
        places = np.repeat(last - np.cumsum(lengths), lengths) + np.arange(lengths.sum())
        found[places] = True
        having, counts = np.unique(owners[places], return_counts=True)
        more = counts > most[having]
        closest[having[more]], most[having[more]] = number, counts[more]
        others.append(name)
        best = counts.argmax() if len(counts) else None
        pair = (None, 0) if best is None else (names[having[best]], counts[best])
        rows.append((name, len(own), int((lengths > 0).sum()), *pair))
    table = pd.DataFrame(
        {
            "contig": names,
            "words": [len(own) for own in words],
            "shared": np.bincount(owners[found], minlength=len(words)),
            "closest": [others[i] if i >= 0 else None for i in closest],
            "with_closest": most,
        }
    )
    return table, pd.DataFrame(rows, columns=COLUMNS)


def _named_lists(held: Iterable[tuple[str, np.ndarray]]) -> tuple[list[str], list[np.ndarray]]:
    pairs = list(held)
    return [name for name, _ in pairs], [words for _, words in pairs]
