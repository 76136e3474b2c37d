"""Matrices (embeddings or fused) beside the tables of their shards."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.compute as pc

from seqloom.errors import InputError
from seqloom.files.tables import read_table, read_table_metadata
from seqloom.files.tensors import read_layout, read_metadata

SAME = ("sample", "cut", "cut_settings", "shard", "rows")
_METADATA = {".parquet": read_table_metadata, ".safetensors": read_metadata}


def check_same_shard(
    table_file: str | Path, matrix_file: str | Path, tensor: str = "embedding"
) -> None:
    """An error that names the first difference between a matrix and the table of its shard.

    The `tensor` has a row for each record.
    """
    table, matrix = read_table_metadata(table_file), read_metadata(matrix_file)
    for key in SAME:
        if matrix[key] != table[key]:
            raise InputError(
                f"{matrix_file}: {key} is {matrix[key]}, but {table[key]} in {table_file}; "
                "give both lists in the same order, or make the matrix again"
            )
    read = matrix.get("shard_sha256") or matrix["faa_sha256"]
    if read not in (table.get("fna_sha256"), table["faa_sha256"]):
        raise InputError(
            f"{matrix_file}: made from sequences with sha256 {read}, but {table_file} belongs to "
            f"{table.get('fna_sha256')} (DNA) and {table['faa_sha256']} (protein); "
            "make the matrix again"
        )
    [rows, *_], _ = read_layout(matrix_file, tensor)
    if rows != int(table["rows"]):
        raise InputError(
            f"{matrix_file}: {rows} rows, but {table_file} has {table['rows']}; "
            "make the matrix again"
        )


def row_ids(table_file: str | Path) -> list[str]:
    """The id of each row of the matrices of a shard."""
    table = read_table(table_file, ["row", "id"])
    return table.filter(pc.is_valid(table["row"]))["id"].to_pylist()


def failures_of(metadata: Mapping[str, str]) -> dict[int, str]:
    """What is wrong with the rows of a matrix that have no values."""
    return {int(row): reason for row, reason in json.loads(metadata["failures"]).items()}


def shard_digests(**lists: Sequence[str | Path]) -> dict[str, dict[str, str]]:
    """Each list of tables or matrices as one input for the provenance.

    Their metadata are hashed, which hold the checksums of what each was made from: the files
    themselves may have many gigabytes.
    """
    digests = {}
    for name, files in lists.items():
        suffix = Path(files[0]).suffix
        metadata = json.dumps([_METADATA[suffix](file) for file in files], sort_keys=True)
        digest = hashlib.sha256(metadata.encode()).hexdigest()
        digests[name] = {"file": f"*{suffix}", "sha256": digest}
    return digests
