import numpy as np
import pandas as pd
import pytest
from learn_data import BACKEND, CUT, WIDTH, make_world, split_by_hand, write_fused, write_split

from seqloom.errors import InputError
from seqloom.files.tables import read_table_metadata, write_table
from seqloom.files.tensors import read_tensor
from seqloom.learn.features import check_shards, chosen_frames, feature_matrix

INPUTS = {"experiment": "x", "cut_settings": CUT, "backends": [BACKEND]}


@pytest.fixture
def world(tmp_path):
    world = make_world(tmp_path)
    world.table = split_by_hand(world)
    world.split = write_split(tmp_path / "split.parquet", world.table)
    return world


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_part_has_the_number_of_frames_of_the_split(world, part):
    frames = chosen_frames(world.split, world.frames, part)
    wanted = world.table[(world.table["part"] == part) & (world.table["take"] > 0)]
    counts = frames.groupby(["sample", "contig"]).size()
    assert counts.to_dict() == wanted.set_index(["sample", "contig"])["take"].to_dict()
    labels = frames["label"].value_counts()
    if part == "train":
        assert labels["viral"] == labels["host"]
    else:
        assert counts.to_dict() == wanted.set_index(["sample", "contig"])["frames"].to_dict()
        assert labels["viral"] < labels["host"]


def test_the_chosen_frames_depend_only_on_their_ids_and_the_seed(world, tmp_path):
    frames = set(chosen_frames(world.split, world.frames, "train")["id"])
    reordered = chosen_frames(world.split, world.frames[::-1], "train")
    assert set(reordered["id"]) == frames
    other = write_split(tmp_path / "other.parquet", world.table, seed=43)
    assert set(chosen_frames(other, world.frames, "train")["id"]) != frames


def test_each_matrix_row_belongs_to_its_frame(world):
    frames = chosen_frames(world.split, world.frames, "test")
    matrix = feature_matrix(frames, world.fused)
    assert matrix.dtype == np.float16
    for i in (0, len(frames) // 2, len(frames) - 1):
        table = pd.read_parquet(world.frames[frames["file"][i]])
        row = int(table.loc[table["id"] == frames["id"][i], "row"].iloc[0])
        stored = read_tensor(world.fused[frames["file"][i]], "embedding")
        np.testing.assert_array_equal(matrix[i], stored[row])


def test_a_missing_shard_is_an_error_that_names_the_contig(world):
    with pytest.raises(InputError, match=r'contig "vir4" of sample vir has 6 frames .* 0 in the'):
        chosen_frames(world.split, [world.frames[0], *world.frames[2:]], "train")


def test_a_shard_given_twice_is_an_error(world):
    with pytest.raises(InputError, match=r'"vir0" of sample vir has 6 frames .* 12 in the shards'):
        chosen_frames(world.split, [world.frames[0], *world.frames], "train")


def test_a_table_with_a_missing_row_is_an_error(world):
    table, metadata = pd.read_parquet(world.frames[0]), read_table_metadata(world.frames[0])
    write_table(world.frames[0], table.drop(index=1), metadata)
    with pytest.raises(InputError, match="its rows are not 0 to"):
        chosen_frames(world.split, world.frames, "train")


def test_a_value_that_is_not_finite_is_an_error_that_names_the_record(world):
    frames = chosen_frames(world.split, world.frames, "train")
    first = frames.iloc[0]
    matrix = read_tensor(world.fused[first["file"]], "embedding").copy()
    matrix[first["row"], 2] = np.nan
    write_fused(world.fused[first["file"]], "vir", "0001-of-0002", matrix)
    with pytest.raises(InputError, match=f'record "{first["id"]}" has values that are not finite'):
        feature_matrix(frames, world.fused)


def test_matrices_in_another_order_are_an_error_that_names_both_files(world):
    check_shards(INPUTS, world.frames, world.fused)
    swapped = [world.fused[1], world.fused[0], *world.fused[2:]]
    with pytest.raises(InputError, match=r"0002-of-0002.safetensors: shard is 0002-of-0002, but"):
        check_shards(INPUTS, world.frames, swapped)
    with pytest.raises(InputError, match="6 frame tables, but 5 fused matrices"):
        check_shards(INPUTS, world.frames, world.fused[1:])


def test_a_matrix_made_from_other_frames_is_an_error(world):
    matrix = np.zeros((len(read_tensor(world.fused[0], "embedding")), WIDTH), np.float16)
    write_fused(world.fused[0], "vir", "0001-of-0002", matrix, faa_sha256="old")
    with pytest.raises(InputError, match="made from sequences with sha256 old"):
        check_shards(INPUTS, world.frames, world.fused)
