"""The frames of a part of a split and their fused rows, checked for completeness."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqloom.embedding.matrices import check_same_shard
from seqloom.errors import InputError
from seqloom.files.tables import read_table, read_table_metadata
from seqloom.files.tensors import BLOCK_ROWS, StoredTensor, read_metadata, stored_tensor
from seqloom.learn.classifier import check_matches

CONTIG = ["sample", "contig"]
STRETCH = 256  # rows that are mapped at once


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


class StoredRows:
    """The fused row of each chosen frame, left in its file; indexed like a matrix.

    Each file is read once, so that damage and values that are not finite are found here.
    """

    def __init__(self, frames: pd.DataFrame, fused_files: Sequence[Path]) -> None:
        self._file, self._row = (frames[name].to_numpy(np.int32) for name in ("file", "row"))
        used = np.unique(self._file)
        self._tensors = {n: stored_tensor(fused_files[n], "embedding") for n in used}
        first = self._tensors[used[0]]
        self.shape, self.dtype = (len(frames), first.shape[1]), first.dtype
        self.nbytes = self.shape[0] * self.shape[1] * self.dtype.itemsize
        for number in used:
            for _ in _checked_rows(frames[self._file == number], self._tensors[number]):
                pass

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, numbers: slice | np.ndarray) -> np.ndarray:
        found = np.empty((len(self._row[numbers]), self.shape[1]), self.dtype)
        self.read(numbers, found)
        return found

    def read(self, numbers: slice | np.ndarray, found: np.ndarray) -> None:
        """Fill `found` with the rows of these numbers."""
        file, row = self._file[numbers], self._row[numbers]
        # A mapping of one file and few rows at a time: what it has read counts as ours meanwhile.
        ends = np.append(np.flatnonzero(np.diff(file)) + 1, len(file))
        begin = 0
        for end in ends:
            for start in range(begin, end, STRETCH):
                places = slice(start, min(start + STRETCH, end))
                found[places] = self._tensors[file[start]].rows(row[places])
            begin = end


def feature_matrix(frames: pd.DataFrame, fused_files: Sequence[Path]) -> np.ndarray:
    """The fused row of each chosen frame; files without chosen frames are not read."""
    matrix = None
    for number, rows in frames.groupby("file"):
        stored = stored_tensor(fused_files[number], "embedding")
        if matrix is None:
            matrix = np.empty((len(frames), stored.shape[1]), stored.dtype)
        for places, values in _checked_rows(rows, stored):
            matrix[places] = values
    return matrix


def _checked_rows(
    frames: pd.DataFrame, stored: StoredTensor
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Index and fused rows of chosen frames of a file, in order; each value must be finite."""
    row = frames["row"].to_numpy()
    for number, block in enumerate(stored.checked_blocks()):
        first = number * BLOCK_ROWS
        here = slice(*np.searchsorted(row, (first, first + BLOCK_ROWS)))
        values = block[row[here] - first]
        bad = ~np.isfinite(values).all(axis=1)
        if bad.any():
            raise InputError(
                f'{stored.path}: record "{frames["id"][here][bad].iloc[0]}" has values that are '
                "not finite; embed its shard again"
            )
        yield frames.index[here], values
