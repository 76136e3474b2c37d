"""Parquet pages are checked against their checksums, and a TSV for completeness."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqloom.errors import InputError
from seqloom.files.tables import read_table, read_table_metadata, write_arrow, write_table

METADATA = {"sample": "s", "rows": "90"}
TABLE = pa.table(
    {
        "row": pa.array([0, None, 1] * 30, pa.int32()),
        "contig": ["a", "b", "b"] * 30,
        "logit": [i / 7 for i in range(90)],
        "window": pa.array(range(90), pa.uint8()),
    }
)


def test_a_table_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "x.parquet"
    write_table(path, TABLE.to_pandas(), METADATA)
    pd.testing.assert_frame_equal(read_table(path).to_pandas(), TABLE.to_pandas())
    assert read_table(path, ["contig"]).to_pydict() == TABLE.select(["contig"]).to_pydict()
    assert read_table_metadata(path) == METADATA


@pytest.mark.parametrize("use_dictionary", [True, ["contig"]])
def test_no_flipped_bit_of_a_page_changes_a_table(tmp_path, use_dictionary):
    path = tmp_path / "x.parquet"
    write_arrow(path, TABLE, METADATA, use_dictionary)
    data = path.read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    group = pq.read_metadata(path).row_group(0)
    held, refused = sum(group.column(i).total_compressed_size for i in (2, 3)), 0
    for place in range(footer):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x80]) + data[place + 1 :])
        try:
            assert read_table(path) == TABLE, place  # a header has bits that mean nothing
        except InputError as error:
            assert str(error).startswith(f"{path}: damaged or cut short (")
            refused += 1
    assert refused > held
