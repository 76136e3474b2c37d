"""The frames of a part of a split and their fused rows, checked for completeness."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqloom.embedding.matrices import check_same_shard
from seqloom.errors import InputError
from seqloom.files.tables import read_table, read_table_metadata
from seqloom.files.tensors import read_metadata, read_tensor
from seqloom.learn.classifier import check_matches

CONTIG = ["sample", "contig"]


def chosen_frames(split_file: Path, frame_files: Sequence[Path], part: str) -> pd.DataFrame:
    """The used frames of a part, in the order of the files.

    Columns: sample, contig, id, window, label, category, group, and the place of the frame, `file`
    and `row`. Each contig gives the `take` frames with the lowest hashes of split seed and id.
    """
    split = read_table(split_file).to_pandas()
    seed = json.loads(read_table_metadata(split_file)["seed"])
    frames = _all_frames(frame_files)
    _check_counts(frames, split, split_file)
    frames = frames.merge(split[split["part"] == part], on=CONTIG, validate="many_to_one")
    order = pd.util.hash_array(frames["id"].to_numpy(object), hash_key=f"{seed:016}")
    rank = pd.Series(order, frames.index).groupby([frames[c] for c in CONTIG]).rank("first")
    columns = [*CONTIG, "id", "window", "start", "end", "label", "category", "group", "file", "row"]
    return frames.loc[rank <= frames["take"], columns].reset_index(drop=True)


def _all_frames(files: Sequence[Path]) -> pd.DataFrame:
    """The rows with a frame of all frame tables, with the number of their `file`."""
    tables = []
    for number, file in enumerate(files):
        metadata = read_table_metadata(file)
        table = read_table(file, ["row", "id", "contig", "window", "start", "end"]).to_pandas()
        table = table[table["row"].notna()].astype({"row": "int64"})
        if table["row"].tolist() != list(range(int(metadata["rows"]))):
            raise InputError(f"{file}: its rows are not 0 to {metadata['rows']} - 1; make it again")
        tables.append(table.assign(sample=metadata["sample"], file=number))
    return pd.concat(tables, ignore_index=True)


def _check_counts(frames: pd.DataFrame, split: pd.DataFrame, split_file: Path) -> None:
    """Raise an error unless the shards have as many frames of each contig as the split counts."""
    planned = split[split["frames"] > 0].set_index(CONTIG)["frames"]
    found = frames.groupby(CONTIG).size()
    counts = pd.DataFrame({"planned": planned, "found": found}).fillna(0).astype(int)
    wrong = counts[counts["planned"] != counts["found"]]
    if len(wrong):
        (sample, contig), first = wrong.index[0], wrong.iloc[0]
        raise InputError(
            f'{split_file}: contig "{contig}" of sample {sample} has {first["planned"]} frames in '
            f"the plan and {first['found']} in the shards; give all shards of all labeled samples, "
            "made with the plan of the split"
        )


def check_shards(
    description: Mapping[str, Any], frame_files: Sequence[Path], fused_files: Sequence[Path]
) -> None:
    """Raise an error unless every fused matrix fits its frame table and the classifier."""
    if len(frame_files) != len(fused_files):
        raise InputError(
            f"{len(frame_files)} frame tables, but {len(fused_files)} fused matrices; give one each"
        )
    for frame_file, fused_file in zip(frame_files, fused_files, strict=True):
        check_same_shard(frame_file, fused_file)
        check_matches(description, read_metadata(fused_file))


def feature_matrix(frames: pd.DataFrame, fused_files: Sequence[Path]) -> np.ndarray:
    """The fused row of each chosen frame; files without chosen frames are not read."""
    matrix = None
    for number, rows in frames.groupby("file"):
        stored = read_tensor(fused_files[number], "embedding")
        if matrix is None:
            matrix = np.empty((len(frames), stored.shape[1]), stored.dtype)
        matrix[rows.index] = stored[rows["row"]]
        bad = ~np.isfinite(matrix[rows.index]).all(axis=1)
        if bad.any():
            raise InputError(
                f'{fused_files[number]}: record "{rows["id"][bad].iloc[0]}" has values that are '
                "not finite; embed its shard again"
            )
    return matrix
