"""Writing and reading shards: the frames of consecutive windows as a table and FASTA files."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain, compress, pairwise, repeat
from pathlib import Path
from typing import Any

import dnaio
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqloom.config.cut import Cut
from seqloom.errors import InputError
from seqloom.files.atomic import atomic_all
from seqloom.files.checksums import sha256
from seqloom.files.progress import Progress
from seqloom.files.provenance import as_strings
from seqloom.files.tables import read_table_metadata, write_arrow
from seqloom.seqs.frames import FRAMES, STATUSES, Frames, read_frames, sequences
from seqloom.seqs.genome import Genome
from seqloom.seqs.plans import planned_frames, shard_windows, statuses
from seqloom.seqs.windows import Batch, Layout, read_windows

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
_REPETITIVE = ["contig", "strand", "status"]  # columns that a dictionary makes smaller
_STATUSES = np.array(STATUSES, object)

# Rows of a shard without the column `row`, and their FASTA text by suffix.
ShardBatch = tuple[pa.Table, dict[str, bytes]]


def frame_batches(
    genome: Genome, layout: Layout, plan: np.ndarray, shard: str, cut: Cut, genetic_code: int
) -> Iterator[ShardBatch]:
    """The frames of a shard in order of contig, window and frame."""
    windows = shard_windows(plan, shard)
    with Progress("frames", len(windows), "windows") as progress:
        for batch in read_windows(genome, layout, cut, windows):
            kept = planned_frames(plan[batch.window])
            frames = read_frames(batch, cut, genetic_code, kept)
            window, frame = _window_and_frame(kept)
            found = frame >= 0
            contigs = [layout.names[c] for c in batch.contig[window].tolist()]
            ids = _ids(contigs, batch.number[window] + 1, frame)
            status = statuses(plan[batch.window])[window]
            columns = _columns(batch, frames, window, frame)
            table = _table({"id": ids, "contig": contigs, "status": _STATUSES[status], **columns})
            texts = sequences(batch, frames, window[found], frame[found], cut, genetic_code)
            titles = _titles(compress(ids, found))
            fasta = (_fasta(titles, part) for part in texts)
            yield table, dict(zip((".fna", ".faa"), fasta, strict=True))
            progress.advance(len(batch.window))


def _ids(contigs: Sequence[str], numbers: np.ndarray, frame: np.ndarray) -> list[str]:
    """Ids such as `contig_chunk_3R1`, without `R1` for a window without a frame."""
    labels = (*FRAMES, "")
    return [
        f"{contig}_chunk_{number}{labels[f]}"
        for contig, number, f in zip(contigs, numbers.tolist(), frame.tolist(), strict=True)
    ]


def _columns(
    batch: Batch, frames: Frames, window: np.ndarray, frame: np.ndarray
) -> dict[str, np.ndarray | pa.Array]:
    """The columns of numbers of a batch."""
    found = frame >= 0
    shift = batch.start[window] - batch.offset[window]
    return {
        "window": batch.number[window] + 1,
        "start": batch.start[window],
        "end": batch.end[window],
        "strand": pa.array(np.where(frame >= 3, "-", "+"), mask=~found),
        "frame": pa.array(frame % 3 + 1, mask=~found),
        "frame_start": pa.array(frames.first[window, frame] + shift, mask=~found),
        "frame_end": pa.array(frames.last[window, frame] + shift, mask=~found),
        "length": np.where(found, frames.length[window, frame], 0),
        "ambiguous": np.where(found, frames.ambiguous[window, frame], 0),
    }


def _titles(ids: Iterable[str]) -> list[bytes]:
    return [f">{name}\n".encode() for name in ids]


def _fasta(titles: Iterable[bytes], texts: Iterable[bytes]) -> bytes:
    """FASTA with two lines per record."""
    return b"".join(chain.from_iterable(zip(titles, texts, repeat(b"\n"), strict=False)))


def _window_and_frame(kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Window and frame of each row, in order; a window without a frame has one row with -1."""
    window, frame = np.nonzero(kept)
    without = np.flatnonzero(~kept.any(axis=1))
    window = np.concatenate([window, without])
    frame = np.concatenate([frame, np.full(len(without), -1)])
    order = np.argsort(window, kind="stable")
    return window[order], frame[order]


def protein_batch(genome: Genome, layout: Layout, plan: np.ndarray, shard: str) -> ShardBatch:
    """The whole proteins of a shard, each one window with one frame."""
    windows = shard_windows(plan, shard)
    contig, _ = layout.locate(windows)
    found = planned_frames(plan[windows]).any(axis=1)
    names, lengths = [layout.names[c] for c in contig.tolist()], layout.lengths[contig]
    start = np.zeros_like(lengths)
    letters, ends = genome.fetch(contig, start, lengths), np.cumsum(lengths).tolist()
    texts = [letters[a:b] for a, b in pairwise([0, *ends])]
    columns = {
        "id": names,
        "contig": names,
        "window": np.ones_like(lengths),
        "start": start,
        "end": lengths,
        "strand": pa.nulls(len(names)),
        "frame": pa.nulls(len(names)),
        "frame_start": pa.array(start, mask=~found),
        "frame_end": pa.array(lengths, mask=~found),
        "length": np.where(found, lengths, 0),
        "ambiguous": np.where(found, [text.count(b"X") for text in texts], 0),
        "status": _STATUSES[statuses(plan[windows])],
    }
    titles = _titles(compress(names, found))
    return _table(columns), {".faa": _fasta(titles, compress(texts, found))}


def _table(columns: Mapping[str, Any]) -> pa.Table:
    return pa.table({name: columns[name] for name in _WITHOUT_ROW.names}).cast(_WITHOUT_ROW)


def write_shard(
    prefix: str, suffixes: Sequence[str], batches: Iterable[ShardBatch], metadata: Mapping[str, Any]
) -> int:
    """Write the table and the FASTA files of a shard together; return the number of records."""
    tables, digests = [_WITHOUT_ROW.empty_table()], [hashlib.sha256() for _ in suffixes]
    with atomic_all(prefix + suffix for suffix in (".parquet", *suffixes)) as [table_file, *files]:
        with ExitStack() as stack:
            handles = [stack.enter_context(open(file, "wb")) for file in files]
            for table, fasta in batches:
                tables.append(table)
                for suffix, handle, digest in zip(suffixes, handles, digests, strict=True):
                    handle.write(fasta[suffix])
                    digest.update(fasta[suffix])
        table = _with_rows(pa.concat_tables(tables))
        rows = len(table) - table["row"].null_count
        checksums = {
            f"{suffix[1:]}_sha256": digest.hexdigest()
            for suffix, digest in zip(suffixes, digests, strict=True)
        }
        all_metadata = as_strings({**metadata, "rows": rows, **checksums})
        write_arrow(table_file, table, all_metadata, _REPETITIVE)
    return rows


def _with_rows(table: pa.Table) -> pa.Table:
    """Add the column `row`, which numbers the rows with a frame."""
    found = pc.equal(table["status"], "ok").to_numpy()
    rows = pa.array(np.cumsum(found) - 1, pa.int32(), mask=~found)
    return table.add_column(0, SCHEMA.field("row"), rows)


def check_letters(path: Path) -> None:
    """Raise an error unless a `.fna` or `.faa` has the checksum in the table beside it."""
    table = path.with_suffix(".parquet")
    if sha256(path) != read_table_metadata(table)[f"{path.suffix[1:]}_sha256"]:
        raise InputError(
            f"{path}: damaged, or does not belong to the parquet beside it; "
            "remove both and run again to write new ones"
        )


def read_records(path: Path) -> tuple[list[str], list[str]]:
    """Ids and sequences of a `.fna` or `.faa`, in row order."""
    check_letters(path)
    with dnaio.open(path, fileformat="fasta") as records:
        pairs = [(record.name, record.sequence) for record in records]
    return [name for name, _ in pairs], [sequence for _, sequence in pairs]
