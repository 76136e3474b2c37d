"""Safetensors files: reproducible bytes and checksums."""

import json
import zlib

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from seqloom.errors import InputError
from seqloom.files.tensors import BLOCK_ROWS, read_layout, read_metadata, read_tensor, write_tensors


def test_equal_contents_give_equal_bytes_that_the_library_reads(tmp_path):
    arrays = {"embedding": np.arange(6, dtype=np.float16).reshape(2, 3), "b": np.ones(5)}
    metadata = {letter: f"{letter} ü\n" for letter in "hgfedcba"}
    paths = [tmp_path / str(i) for i in range(8)]
    for i, path in enumerate(paths):
        # The order of the keys must not matter either.
        write_tensors(path, arrays, metadata if i % 2 else dict(reversed(metadata.items())))
    assert len({path.read_bytes() for path in paths}) == 1
    for name, array in load_file(paths[0]).items():
        np.testing.assert_array_equal(array, arrays[name])
    assert read_metadata(paths[0]).items() >= metadata.items()
    np.testing.assert_array_equal(read_tensor(paths[0], "b"), arrays["b"])


def test_a_matrix_without_rows(tmp_path):
    write_tensors(tmp_path / "x", {"embedding": np.empty((0, 7), np.float32)}, {"rows": "0"})
    assert read_tensor(tmp_path / "x", "embedding").shape == (0, 7)


@pytest.fixture
def matrix(tmp_path):
    """Three blocks of rows, the last one short, and a single number, as classifiers have."""
    rows = np.random.default_rng(1).normal(size=(2 * BLOCK_ROWS + 10, 3)).astype(np.float16)
    tensors = {"embedding": rows, "batches": np.array(7)}
    write_tensors(tmp_path / "x", tensors, {})
    return tmp_path / "x", tensors


def test_the_checksums_can_be_computed_with_zlib(matrix):
    path, tensors = matrix
    sums = json.loads(read_metadata(path)["crc32"])
    assert sums["batches"] == [zlib.crc32(tensors["batches"])]
    for block, found in enumerate(sums["embedding"]):
        rows = tensors["embedding"][block * BLOCK_ROWS : (block + 1) * BLOCK_ROWS]
        assert found == zlib.crc32(rows)
    assert len(sums["embedding"]) == 3


@pytest.mark.parametrize(
    ("row", "rows"), [(0, "0 to 1023"), (1023, "0 to 1023"), (2050, "2048 to 2057")]
)
def test_a_flipped_sign_is_detected_and_its_rows_are_named(matrix, row, rows):
    path, tensors = matrix
    wrong = tensors["embedding"].copy()
    wrong[row, 1] *= -1
    data, old = path.read_bytes(), tensors["embedding"].tobytes()
    path.write_bytes(data.replace(old, wrong.tobytes()))
    assert path.read_bytes() != data
    with pytest.raises(InputError, match=rf"x: damaged .*rows {rows} of embedding .*remove it and"):
        read_tensor(path, "embedding")
    assert read_tensor(path, "batches") == 7


def test_a_damaged_scalar_is_detected(matrix):
    path, tensors = matrix
    data = path.read_bytes()
    path.write_bytes(data.replace(tensors["batches"].tobytes(), np.array(8).tobytes()))
    with pytest.raises(InputError, match="rows 0 to 0 of batches differ"):
        read_tensor(path, "batches")


def test_a_file_of_an_older_version_is_refused(tmp_path):
    save_file({"embedding": np.ones((2, 3))}, tmp_path / "x", {"sample": "s"})
    readers = (read_metadata, lambda p: read_tensor(p, "embedding"))
    for read in (*readers, lambda p: read_layout(p, "embedding")):
        with pytest.raises(InputError, match="x: an older version wrote it without checksums; rem"):
            read(tmp_path / "x")
