"""Sequences as the reader gives them, and as the workflow stores them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from seqloom.files.tables import write_arrow_tsv
from seqloom.seqs.contigs import read_contigs
from seqloom.seqs.reading import Record, Title
from seqloom.seqs.storing import write_sample


def letters(seed: int, length: int, alphabet: bytes = b"ACGT") -> bytes:
    """Random letters."""
    return bytes(np.random.default_rng(seed).choice(list(alphabet), length).tolist())


def records(contigs: Mapping[str, bytes], piece: int = 1 << 20) -> Iterator[Record]:
    """What `read_fasta` gives for these contigs, in pieces of this size; headers say more."""
    for line, (name, sequence) in enumerate(contigs.items(), start=1):
        pieces = (sequence[i : i + piece] for i in range(0, len(sequence), piece))
        yield Title(name, f"{name} and more", "x.fa", line), pieces


def stored(folder: Path, contigs: Mapping[str, bytes], piece: int = 1 << 20) -> list[Path]:
    """Genome, its indexes and the table of its records."""
    paths = [folder / name for name in ("g.fa.gz", "g.fa.gz.fai", "g.fa.gz.gzi", "g.tsv")]
    counts = write_sample(records(contigs, piece), "dna", *paths)
    assert counts == (len(contigs), sum(map(len, contigs.values())))
    return paths


def contig_frame(path: str | Path) -> pd.DataFrame:
    """A table of contigs, to be changed and written again."""
    return read_contigs(path).to_pandas()


def write_frame(path: str | Path, contigs: pd.DataFrame) -> None:
    write_arrow_tsv(path, pa.Table.from_pandas(contigs, preserve_index=False))
