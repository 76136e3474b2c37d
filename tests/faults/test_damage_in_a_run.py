"""A cut shard, a matrix and a model with a wrong bit: a run names each and mends it."""

import shutil

SHARD = "results/shards/w300/query/0001-of-0001.faa"
MATRIX = "results/embeddings/demo_dnabert_s/w300/viral/0002-of-0002.safetensors"
# What is made from each: of the shard, the matrix, and the model.
LOST = (
    "results/embeddings/demo_esm2/w300/query/0001-of-0001.safetensors",
    "results/fused/both/w300/viral/0002-of-0002.safetensors",
    "results/embeddings/demo_dnabert_s/w150/query/0001-of-0001.safetensors",
)


def test_damaged_files_are_named_and_made_anew_once_they_are_removed(copy, finished):
    [weights] = (copy.folder / "models/demo_dnabert_s").glob("*/model.safetensors")
    shard, matrix = copy.folder / SHARD, copy.folder / MATRIX
    for path in LOST:
        (copy.folder / path).unlink()
    shard.write_bytes(shard.read_bytes()[:-100])
    for path in (matrix, weights):
        content = bytearray(path.read_bytes())
        content[-1000] ^= 1
        path.write_bytes(content)

    done = copy.snakemake("--keep-going", *LOST)
    assert done.returncode != 0
    assert f"error: {SHARD}: damaged, or does not belong to the parquet beside it" in done.stdout
    assert f"error: {MATRIX}: damaged or cut short" in done.stdout
    named = weights.relative_to(copy.folder)
    assert f"error: {named}: not the weights that model.json names" in done.stdout
    assert not any((copy.folder / path).exists() for path in LOST)

    for path in (shard, shard.with_suffix(".parquet"), matrix):
        path.unlink()
    shutil.rmtree(weights.parent)
    copy.run(*LOST)
    found, expected = copy.results(), finished.results()
    assert [path for path in expected if found.get(path) != expected[path]] == []
    assert weights.read_bytes() == (finished.folder / named).read_bytes()
