"""Shards: the frames of a run of windows as a table and FASTA. Written here, read by everyone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dnaio
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyfaidx import Faidx

from seqloom.files import atomic_all, sha256
from seqloom.progress import Progress
from seqloom.provenance import as_strings
from seqloom.seqs.frames import FRAMES, Frames, read_frames, sequences, window_status
from seqloom.seqs.plans import planned_frames, shard_windows
from seqloom.seqs.windows import Batch, Cut, Layout, read_windows

SCHEMA = pa.schema(
    {
        "row": pa.int32(),
        "id": pa.string(),
        "contig": pa.string(),
        "window": pa.int32(),
        "start": pa.int64(),
        "end": pa.int64(),
        "strand": pa.string(),
        "frame": pa.int8(),
        "frame_start": pa.int64(),
        "frame_end": pa.int64(),
        "length": pa.int32(),
        "ambiguous": pa.int32(),
        "status": pa.string(),
    }
)
_WITHOUT_ROW = SCHEMA.remove(0)
_NULLABLE = {pa.int8(): pd.Int8Dtype(), pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype()}

# Rows of a shard, but for the column `row`, and what they add to its FASTA files, by suffix.
Part = tuple[pa.Table, dict[str, str]]


def frame_parts(
    genome: Faidx, layout: Layout, plan: np.ndarray, shard: str, cut: Cut, genetic_code: int
) -> Iterator[Part]:
    """The frames of a shard, in order of contig, window and frame."""
    windows = shard_windows(plan, shard)
    with Progress("frames", len(windows), "windows") as progress:
        for batch in read_windows(genome, layout, cut, windows):
            frames = read_frames(batch, cut, genetic_code)
            kept = frames.kept & planned_frames(plan[batch.window])
            window, frame = _window_and_frame(kept)
            contigs = [layout.names[c] for c in batch.contig[window].tolist()]
            table = _frame_table(batch, frames, kept, window, frame, contigs)
            found = frame >= 0
            pairs = sequences(batch, frames, window[found], frame[found], cut, genetic_code)
            ids = table["id"].filter(found).to_pylist()
            yield table, _fasta(ids, pairs)
            progress.advance(len(batch.window))


def _frame_table(
    batch: Batch,
    frames: Frames,
    kept: np.ndarray,
    window: np.ndarray,
    frame: np.ndarray,
    contigs: Sequence[str],
) -> pa.Table:
    found, number = frame >= 0, batch.number[window] + 1
    labels = (*FRAMES, "")
    ids = [
        f"{c}_chunk_{n}{labels[f]}"
        for c, n, f in zip(contigs, number.tolist(), frame.tolist(), strict=True)
    ]
    shift = batch.start[window] - batch.offset[window]
    columns = {
        "id": ids,
        "contig": contigs,
        "window": number,
        "start": batch.start[window],
        "end": batch.end[window],
        "strand": pa.array(np.where(frame >= 3, "-", "+"), mask=~found),
        "frame": pa.array(frame % 3 + 1, mask=~found),
        "frame_start": pa.array(frames.first[window, frame] + shift, mask=~found),
        "frame_end": pa.array(frames.last[window, frame] + shift, mask=~found),
        "length": np.where(found, frames.length[window, frame], 0),
        "ambiguous": np.where(found, frames.ambiguous[window, frame], 0),
        "status": window_status(frames, kept)[window],
    }
    return _table(columns)


def _fasta(ids: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Both FASTA files of frames, two lines a record."""
    nucleotides, proteins = [], []
    for name, (bases, protein) in zip(ids, pairs, strict=True):
        nucleotides.append(f">{name}\n{bases}\n")
        proteins.append(f">{name}\n{protein}\n")
    return {".fna": "".join(nucleotides), ".faa": "".join(proteins)}


def _window_and_frame(kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row by row the window and its frame, in order; a window without a frame has one row, -1."""
    window, frame = np.nonzero(kept)
    without = np.flatnonzero(~kept.any(axis=1))
    window = np.concatenate([window, without])
    frame = np.concatenate([frame, np.full(len(without), -1)])
    order = np.argsort(window, kind="stable")
    return window[order], frame[order]


def protein_part(genome: Faidx, layout: Layout, plan: np.ndarray, shard: str) -> Part:
    """Proteins as they are: one window and one frame each."""
    windows = shard_windows(plan, shard)
    contig, _ = layout.locate(windows)
    found = planned_frames(plan[windows]).any(axis=1)
    names, lengths = [layout.names[c] for c in contig.tolist()], layout.lengths[contig]
    texts = list(map(genome.fetch, names, [1] * len(names), lengths.tolist()))
    count = len(names)
    columns = {
        "id": names,
        "contig": names,
        "window": np.ones(count),
        "start": np.zeros(count),
        "end": lengths,
        "strand": pa.nulls(count),
        "frame": pa.nulls(count),
        "frame_start": pa.array(np.zeros(count), mask=~found),
        "frame_end": pa.array(lengths, mask=~found),
        "length": np.where(found, lengths, 0),
        "ambiguous": np.where(found, [text.count("X") for text in texts], 0),
        "status": np.where(found, "ok", "ambiguous"),
    }
    records = [
        f">{name}\n{text}\n"
        for name, text, is_clear in zip(names, texts, found.tolist(), strict=True)
        if is_clear
    ]
    return _table(columns), {".faa": "".join(records)}


def _table(columns: Mapping[str, Any]) -> pa.Table:
    return pa.table(columns).cast(_WITHOUT_ROW)


def write_shard(
    prefix: str, suffixes: Sequence[str], parts: Iterable[Part], metadata: Mapping[str, Any]
) -> int:
    """Write the table and the FASTA files of a shard together; return the number of records."""
    with atomic_all(prefix + suffix for suffix in (".parquet", *suffixes)) as [table_file, *files]:
        tables = [_WITHOUT_ROW.empty_table()]
        with ExitStack() as stack:
            handles = [stack.enter_context(open(file, "w")) for file in files]
            for table, fasta in parts:
                tables.append(table)
                for handle, suffix in zip(handles, suffixes, strict=True):
                    handle.write(fasta[suffix])
        table = _with_rows(pa.concat_tables(tables))
        rows = len(table) - table["row"].null_count
        checksums = {
            f"{suffix[1:]}_sha256": sha256(file)
            for suffix, file in zip(suffixes, files, strict=True)
        }
        everything = as_strings({**metadata, "rows": rows, **checksums})
        pq.write_table(table.replace_schema_metadata(everything), table_file)
    return rows


def _with_rows(table: pa.Table) -> pa.Table:
    """Number what has a frame."""
    found = table["status"].to_numpy() == "ok"
    rows = pa.array(np.cumsum(found) - 1, pa.int32(), mask=~found)
    return table.add_column(0, SCHEMA.field("row"), rows)


def read_table(path: str | Path) -> pd.DataFrame:
    """The table of a shard, integers kept as such where some are missing."""
    return pq.read_table(path).to_pandas(types_mapper=_NULLABLE.get)


def read_records(path: str | Path) -> tuple[list[str], list[str]]:
    """Ids and sequences of a `.fna` or `.faa`, row by row."""
    with dnaio.open(path, fileformat="fasta") as records:
        pairs = [(record.name, record.sequence) for record in records]
    return [name for name, _ in pairs], [sequence for _, sequence in pairs]
