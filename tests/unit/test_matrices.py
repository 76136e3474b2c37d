from learn_data import make_world

from seqloom.embedding.matrices import shard_digests
from seqloom.files.tensors import read_metadata, read_tensor, write_tensors


def test_the_digest_changes_with_what_a_shard_was_made_from_and_with_the_order(tmp_path):
    world = make_world(tmp_path)
    first = shard_digests(frames=world.frames, fused=world.fused)
    assert {name: entry["file"] for name, entry in first.items()} == {
        "frames": "*.parquet",
        "fused": "*.safetensors",
    }
    assert shard_digests(frames=world.frames, fused=world.fused) == first
    assert shard_digests(fused=world.fused[::-1])["fused"] != first["fused"]
    changed = read_metadata(world.fused[3]) | {"faa_sha256": "other"}
    write_tensors(world.fused[3], {"embedding": read_tensor(world.fused[3], "embedding")}, changed)
    assert shard_digests(fused=world.fused)["fused"] != first["fused"]
