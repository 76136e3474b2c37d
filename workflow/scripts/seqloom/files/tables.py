"""Result tables: parquet with metadata, and TSV; a damaged one is an error."""

import contextlib
import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqloom.files.damage import damaged, reraise_as_damaged

# Importing pandas takes longer than many jobs that read only metadata.
if TYPE_CHECKING:
    import pandas as pd

_ROWS = 1 << 16  # of a TSV, which become text at once
# What pyarrow raises for wrong bytes; text that is not UTF-8 is a ValueError.
_DAMAGE = (pa.ArrowException, OSError, ValueError)


def write_table(path: str | Path, table: "pd.DataFrame", metadata: Mapping[str, str]) -> None:
    """Write a pandas table and its metadata, without the index."""
    write_arrow(path, pa.Table.from_pandas(table, preserve_index=False), metadata)


def write_arrow(
    path: str | Path,
    table: pa.Table,
    metadata: Mapping[str, str],
    use_dictionary: bool | Sequence[str] = True,
) -> None:
    """Write an Arrow table and its metadata, with a checksum for every page."""
    pq.write_table(
        table.replace_schema_metadata(dict(metadata)),
        path,
        use_dictionary=use_dictionary,
        write_page_checksum=True,
    )


def read_table(path: str | Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Some or all columns of a parquet file; each page is checked against its checksum."""
    with (
        reraise_as_damaged(path, *_DAMAGE),
        pq.ParquetFile(path, page_checksum_verification=True) as file,
    ):
        return file.read(columns)


def matching_rows(
    path: str | Path, columns: Sequence[str], key: str, values: Sequence[str]
) -> pa.Table:
    """The rows of a parquet file of any length whose `key` is one of these values."""
    wanted = pa.array(values)
    with (
        reraise_as_damaged(path, *_DAMAGE),
        pq.ParquetFile(path, page_checksum_verification=True) as file,
    ):
        batches = file.iter_batches(columns=columns)
        found = [batch.filter(pc.is_in(batch[key], value_set=wanted)) for batch in batches]
    return pa.Table.from_batches(found)


def read_table_metadata(path: str | Path) -> dict[str, str]:
    """The metadata of a parquet file."""
    with reraise_as_damaged(path, *_DAMAGE):
        metadata = pq.read_schema(path).metadata or {}
        return {key.decode(): value.decode() for key, value in metadata.items()}


def write_tsv(path: str | Path, table: "pd.DataFrame", float_format: str = "%.4f") -> None:
    """Write a pandas table as a TSV, without the index and without quotes."""
    table.to_csv(
        path,
        sep="\t",
        index=False,
        float_format=float_format,
        quoting=csv.QUOTE_NONE,
        lineterminator="\n",
    )


def write_arrow_tsv(path: str | Path, table: pa.Table) -> None:
    """Write an Arrow table as a TSV; its cells must need no quotes."""
    with open(path, "wb") as file:
        file.write(("\t".join(table.column_names) + "\n").encode())
        for batch in table.to_batches(max_chunksize=_ROWS):
            cells = (column.cast(pa.string()) for column in batch.columns)
            lines = pc.binary_join_element_wise(*cells, "\t")
            text = pc.binary_join(pa.ListArray.from_arrays([0, len(lines)], lines), "\n")
            file.write(text[0].as_buffer())
            file.write(b"\n")


@contextlib.contextmanager
def open_tsv(path: str | Path, first: str) -> Iterator[TextIO]:
    """Open a TSV after checking its first column and the end of its last line."""
    with reraise_as_damaged(path, ValueError, KeyError, csv.Error), open(path, "rb") as file:
        if not file.readline().startswith(f"{first}\t".encode()):
            raise damaged(path, f"its first column is not {first}")
        file.seek(-1, os.SEEK_END)
        if file.read() != b"\n":
            raise damaged(path, "its last line has no line end")
        file.seek(0)
        yield io.TextIOWrapper(file, encoding="utf-8", newline="")
