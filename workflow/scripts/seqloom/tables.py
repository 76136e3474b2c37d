"""Parquet files with metadata in plain strings."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

# Loading pandas takes longer than many a job that reads metadata only.
if TYPE_CHECKING:
    import pandas as pd


def write_table(path: str | Path, table: "pd.DataFrame", metadata: Mapping[str, str]) -> None:
    """Write a table and its metadata, without its index."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    pq.write_table(arrow.replace_schema_metadata(dict(metadata)), path)


def read_table_metadata(path: str | Path) -> dict[str, str]:
    """The metadata of a parquet file."""
    metadata = pq.read_schema(path).metadata or {}
    return {key.decode(): value.decode() for key, value in metadata.items()}
