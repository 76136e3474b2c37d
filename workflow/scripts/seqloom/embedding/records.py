"""What became of each record of a protein sample in one backend."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from seqloom.embedding.matrices import check_same_shard, failures_of
from seqloom.files.tables import read_table
from seqloom.files.tensors import read_metadata, read_tensor

COLUMNS = ("id", "residues", "status", "pieces", "dtype", "reason")


def records_of(table_file: Path, embedding: Path) -> list[dict[str, Any]]:
    """A row for each record of a shard, in order: embedded or not, in which way, or why not."""
    check_same_shard(table_file, embedding)
    metadata, pieces = read_metadata(embedding), read_tensor(embedding, "pieces")
    failures = failures_of(metadata)
    dtypes, reasons = np.full(len(pieces), metadata["dtype"], "<U8"), {}
    for dtype, rows in json.loads(metadata["redone"]).items():
        dtypes[rows] = dtype
        reasons |= dict.fromkeys(rows, f"not finite in {metadata['dtype']}, so read in {dtype}")
    records = []
    for record in read_table(table_file, ["row", "id", "end", "status"]).to_pylist():
        row, status = record["row"], record["status"]
        found = {"id": record["id"], "residues": record["end"], "status": status}
        if row in failures:
            found |= {"status": "failed", "pieces": 0, "dtype": "", "reason": failures[row]}
        elif row is None:
            found |= {"pieces": 0, "dtype": "", "reason": "all its residues are unknown"}
        else:
            found |= {"pieces": int(pieces[row]), "dtype": str(dtypes[row])}
            found |= {"reason": reasons.get(row, "")}
        records.append(found)
    return records


def with_empty_records(
    contigs: pa.Table, records: Sequence[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The records of all shards, and those that no shard has at their places in the FASTA."""
    rest = iter(records)
    for contig in contigs.select(["contig", "kept_windows", "status", "reason"]).to_pylist():
        if contig["kept_windows"]:
            yield next(rest)
        else:
            facts = {"residues": 0, "status": contig["status"], "reason": contig["reason"]}
            yield {"id": contig["contig"], "pieces": 0, "dtype": "", **facts}
