"""The bytes of a safetensors file depend on its contents alone."""

import numpy as np
from safetensors.numpy import load_file

from seqloom.tensors import read_metadata, read_tensor, write_tensors


def test_same_bytes_every_time_and_readable_by_the_library(tmp_path):
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


def test_no_rows(tmp_path):
    write_tensors(tmp_path / "x", {"embedding": np.empty((0, 7), np.float32)}, {"rows": "0"})
    assert read_tensor(tmp_path / "x", "embedding").shape == (0, 7)
