"""Does a finished protein set hold what it promises? Each check is a row, ok or failed."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from isal.isal_zlib import crc32

from seqloom.embedding.engine import embed
from seqloom.embedding.export import Shard, all_ids, open_shards
from seqloom.embedding.loading import load_model
from seqloom.embedding.matrices import row_ids
from seqloom.errors import InputError
from seqloom.files.json_files import read_json
from seqloom.files.tables import read_table
from seqloom.seqs.contigs import read_contigs
from seqloom.seqs.genome import read_sequences
from seqloom.seqs.shards import read_records

# How far the vector of a sequence may be off, as a part of its length, where it was computed in
# other company; a cosine of .9999 in half precision.
_TOLERANCE = {"float32": 1e-4, "float16": 0.014, "bfloat16": 0.014}
_ROUNDING = {"float32": 0.0, "float16": 2**-11}  # of the stored matrix


@dataclass(frozen=True)
class Check:
    """A check of a subject (a backend or a file), and what is wrong, if anything."""

    check: str
    subject: str
    problem: str | None
    detail: str

    def row(self) -> dict[str, str]:
        result = "failed" if self.problem else "ok"
        return {"check": self.check, "result": result, "detail": self.problem or self.detail}


def checks_table(checks: Sequence[Check], subject: str) -> pa.Table:
    """The checks as a table; `subject` is the name of the second column."""
    rows = [check.row() | {subject: check.subject} for check in checks]
    names = ["check", subject, "result", "detail"]
    return pa.Table.from_pylist(rows, pa.schema({name: pa.string() for name in names}))


@dataclass(frozen=True)
class ProteinSet:
    """The files of a protein sample; tables and each list of embeddings are by shard."""

    contigs: Path
    genome: Path
    tables: Sequence[Path]
    models: Sequence[Path]
    embeddings: Sequence[Sequence[Path]]  # of each model


def problem_of(find: Callable[..., str | None], *args: Any) -> str | None:
    """The problem that a function finds, or the sentence with which it refuses its input."""
    try:
        return find(*args)
    except InputError as error:
        return str(error)


def protein_checks(files: ProteinSet, records: int, seed: int, threads: int) -> Iterator[Check]:
    """All checks of a protein set; `records` random ones are embedded again."""
    kept = f"{len(files.tables)} shards"
    problem = problem_of(records_problem, files)
    yield Check("records", "", problem, f"as in the FASTA, in {kept}")
    try:
        parts = [read_records(table.with_suffix(".faa"))[1] for table in files.tables]
    except InputError:  # which the check above has told
        return
    checksums: dict[str, list[tuple[int, int]]] = {}
    for folder, paths in zip(files.models, files.embeddings, strict=True):
        model = read_json(folder / "model.json")
        name = model["backend"]
        try:
            shards = open_shards(files.tables, paths)
        except InputError as error:
            yield Check("files", name, str(error), "")
            continue
        own = [_kept(shard, texts) for shard, texts in zip(shards, parts, strict=True)]
        rows, failures = sum(map(len, own)), sum(len(shard.failed) for shard in shards)
        chosen = chosen_rows(rows, records, seed)
        other_maker = _maker_problem(shards, model)
        yield Check("files", name, other_maker, kept)
        found = f"{sum(len(shard.ids) for shard in shards)} x {shards[0].width}"
        expected = f"{rows} x {model['width']}"
        shape = None if found == expected else f"{found}, but {expected} expected"
        more = f"; failed records: {failures}" if failures else ""
        yield Check("shape", name, shape, found + more)
        matrices, damage = _Matrices(own, chosen), None
        try:
            matrices.read(shards)
        except InputError as error:
            damage = str(error)
        yield Check("finite", name, damage or matrices.not_finite, "all values")
        twice = f"{sum(matrices.repeated.values())} records with a sequence of others"
        yield Check("equal sequences", name, damage or matrices.unequal, twice)
        problem = damage or _twin_problem(shards, matrices.checksums, checksums)
        yield Check("own values", name, problem, "no matrix of another backend")
        problem = other_maker or shape or damage
        if not problem:
            again = (folder, shards, own, chosen, matrices.chosen_rows, threads)
            problem = problem_of(recomputed_problem, *again)
        yield Check("recomputed", name, problem, f"{len(chosen)} records, one at a time")
        if not damage:
            checksums[name] = matrices.checksums


def _kept(shard: Shard, texts: Sequence[str]) -> list[str]:
    """The sequences of a shard without those that failed."""
    failed = set(shard.failed)
    return [text for row, text in enumerate(texts) if row not in failed]


def records_problem(files: ProteinSet) -> str | None:
    """The first difference between the stored FASTA, its table, and the tables of shards."""
    contigs = read_contigs(files.contigs)
    stored = [(name, _sha256(text)) for name, text in read_sequences(files.genome)]
    pairs = [read_records(table.with_suffix(".faa")) for table in files.tables]
    letters = [(name, _sha256(text)) for part in pairs for name, text in zip(*part, strict=True)]
    ids = [name for table in files.tables for name in read_table(table, ["id"])["id"].to_pylist()]
    rows = [name for table in files.tables for name in row_ids(table)]
    read = contigs.filter(pc.greater(contigs["kept_windows"], 0))
    embedded = contigs.filter(pc.greater(contigs["kept_frames"], 0))
    listed = embedded["contig"].to_pylist()
    for what, found, expected in (
        ("record of the FASTA", stored, _names_and_checksums(contigs)),
        ("id of the shards", ids, read["contig"].to_pylist()),
        ("row of the shards", rows, listed),
        ("sequence of the shards", letters, _names_and_checksums(embedded)),
    ):
        for number, (one, other) in enumerate(zip_longest(found, expected), start=1):
            if one != other:
                return f"{what} {number} is {one}, but {other} in {files.contigs}"
    return None


def _names_and_checksums(contigs: pa.Table) -> list[tuple[str, str]]:
    columns = (contigs[name].to_pylist() for name in ("contig", "sha256"))
    return list(zip(*columns, strict=True))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _maker_problem(shards: Sequence[Shard], model: dict[str, Any]) -> str | None:
    """Whether another model than this one made the matrices."""
    for key in ("backend", "weights_sha256"):
        if (found := shards[0].metadata[key]) != model[key]:
            return f"{shards[0].path}: made with {key} {found}, but the model has {model[key]}"
    return None


class _Matrices:
    """What the matrices of a backend hold, each read once."""

    def __init__(self, parts: Sequence[Sequence[str]], chosen: np.ndarray) -> None:
        self.parts, self.chosen = parts, chosen
        self.repeated = _repeated(parts)
        self.first: dict[str, tuple[Shard, str, np.ndarray]] = {}  # of each repeated sequence
        self.not_finite: str | None = None
        self.unequal: str | None = None
        self.checksums: list[tuple[int, int]] = []  # width and CRC-32 of each matrix
        self.chosen_rows: list[np.ndarray] = []

    def read(self, shards: Sequence[Shard]) -> None:
        start = 0
        for shard, texts in zip(shards, self.parts, strict=True):
            matrix = shard.read()
            self.not_finite = self.not_finite or finite_problem(shard, matrix)
            self.unequal = self.unequal or self._equal_problem(shard, matrix, texts)
            self.checksums.append((shard.width, crc32(matrix)))
            here = (self.chosen >= start) & (self.chosen < start + len(matrix))
            self.chosen_rows.extend(matrix[self.chosen[here] - start])
            start += len(matrix)

    def _equal_problem(self, shard: Shard, matrix: np.ndarray, texts: Sequence[str]) -> str | None:
        """Two equal sequences whose rows differ; in two shards they may by the tolerance."""
        for name, text, row in zip(shard.ids, texts, matrix, strict=True):
            if text not in self.repeated:
                continue
            where, other, there = self.first.setdefault(text, (shard, name, row.copy()))
            allowed = 0 if where is shard else _allowed(shard)
            if not _distance(row, there) <= allowed:
                return f'"{other}" and "{name}" have equal sequences, but different rows'
        return None


def finite_problem(shard: Shard, matrix: np.ndarray) -> str | None:
    bad = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if bad.size:
        return f'{shard.path}: {bad.size} rows are not finite, the first "{shard.ids[bad[0]]}"'
    return None


def _repeated(parts: Iterable[Iterable[str]]) -> dict[str, int]:
    """How often each sequence comes that comes more than once."""
    counts = Counter(text for part in parts for text in part)
    return {text: count for text, count in counts.items() if count > 1}


def _twin_problem(
    shards: Sequence[Shard],
    mine: Sequence[tuple[int, int]],
    others: dict[str, list[tuple[int, int]]],
) -> str | None:
    """Another backend that has the same matrix for a shard, as if one were the other's copy."""
    for name, them in others.items():
        for shard, checksum, other in zip(shards, mine, them, strict=True):
            if shard.ids and checksum == other:
                return f"{shard.path} has the matrix of {name}"
    return None


def chosen_rows(rows: int, records: int, seed: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).choice(rows, min(rows, records), replace=False))


def recomputed_problem(
    folder: Path,
    shards: Sequence[Shard],
    parts: Sequence[Sequence[str]],
    chosen: np.ndarray,
    rows: Sequence[np.ndarray],
    threads: int,
) -> str | None:
    """The worst of the chosen rows, if it is not what the model gives for its record alone."""
    metadata = shards[0].metadata
    dtype = metadata["dtype"]
    # Half precision of a GPU is slow on a CPU.
    if dtype == "float16" and not torch.cuda.is_available():
        dtype = "float32"
    model = load_model(folder, dtype, threads)
    too_long = json.loads(metadata["provenance"])["settings"]["too_long"]
    ids, texts = all_ids(shards), [text for part in parts for text in part]
    off = []
    for row, number in zip(rows, chosen, strict=True):
        again = embed(model, [ids[number]], [texts[number]], too_long=too_long).rows[0]
        off.append(_distance(row, again))
    worst = int(np.argmax(off)) if off else None
    if worst is None or off[worst] <= _allowed(shards[0]):
        return None
    return (
        f'"{ids[chosen[worst]]}" is {off[worst]:.2g} of its length off when embedded alone, '
        f"{_allowed(shards[0]):.2g} is allowed in {metadata['dtype']}"
    )


def _distance(row: np.ndarray, other: np.ndarray) -> float:
    """How far apart two vectors are, as a part of the length of the second."""
    row, other = row.astype(np.float64), other.astype(np.float64)
    return float(np.linalg.norm(row - other) / (np.linalg.norm(other) or 1))


def _allowed(shard: Shard) -> float:
    return _TOLERANCE.get(shard.metadata["dtype"], 0.0) + _ROUNDING[shard.dtype.name]
