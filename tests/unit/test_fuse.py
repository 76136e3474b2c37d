"""embed.py and fuse.py on shards: what belongs together is put together, nothing else is."""

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from models_data import write_tiny_model

import embed
import fuse
from seqloom.errors import InputError
from seqloom.files.tensors import read_metadata, read_tensor, write_tensors

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
SHARD_KEYS = {"sample", "cut", "cut_settings", "shard", "rows", "provenance", "crc32"}
MODEL_KEYS = {
    "config_sha256",
    "tokenizer_sha256",
    "backend",
    "weights_sha256",
    "revision",
    "dtype",
    "pooling",
    "reading",
    "engine_version",
    "random",
}
EMBEDDING_KEYS = SHARD_KEYS | MODEL_KEYS
EMBEDDING_KEYS |= {"device", "processor", "shard_sha256", "split_sequences", "redone", "failures"}
FUSED_KEYS = SHARD_KEYS | {"fusion", "backends", "faa_sha256", "failures"}
SEQUENCES = {"fna": ["ACGTTGCA", "acgttgca", "GGGTTTAAACCC"], "faa": ["MK", "MKV", "MK"]}


def write_shard(folder: Path, rows: int = 3) -> Path:
    """A shard as docs/outputs.md has it, with one window that gave no frame."""
    folder.mkdir(exist_ok=True)
    metadata = {
        "sample": "s1",
        "cut": "w300",
        "cut_settings": json.dumps({"window": 300}),
        "molecule": "dna",
        "shard": "0001-of-0002",
        "rows": str(rows),
        "provenance": "{}",
    }
    for suffix, sequences in SEQUENCES.items():
        records = [f">c_chunk_{i}F1\n{s}\n" for i, s in enumerate(sequences[:rows], 1)]
        (folder / f"0001-of-0002.{suffix}").write_text("".join(records))
        contents = (folder / f"0001-of-0002.{suffix}").read_bytes()
        metadata[f"{suffix}_sha256"] = sha256(contents).hexdigest()
    table = pa.Table.from_pandas(
        pd.DataFrame({"row": pd.array([*range(rows), None], dtype="Int32")}), preserve_index=False
    )
    pq.write_table(table.replace_schema_metadata(metadata), folder / "0001-of-0002.parquet")
    return folder / "0001-of-0002"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for molecule in ("dna", "protein"):
        write_tiny_model(folder / molecule, molecule)
    return folder


def run(script, **options) -> Path:
    """Run a script as from the command line; `out` is what it wrote."""
    words = []
    for key, value in options.items():
        values = value if isinstance(value, list) else [value]
        words += [f"--{key}", *map(str, values)]
    script.main(script.arguments().parse_args(words))
    return options["out"]


def embed_both(models: Path, shard: Path) -> list[Path]:
    return [
        run(
            embed,
            model=models / molecule,
            shard=shard,
            store="float16",
            out=shard.with_suffix(f".{molecule}.safetensors"),
        )
        for molecule in ("dna", "protein")
    ]


def test_embed_and_fuse(models, tmp_path):
    shard = write_shard(tmp_path)
    dna, protein = embed_both(models, shard)
    metadata = read_metadata(dna)
    assert set(metadata) == EMBEDDING_KEYS
    assert (metadata["backend"], metadata["dtype"], metadata["rows"]) == (
        "tiny_dna",
        "float32",
        "3",
    )
    assert metadata["shard_sha256"] == sha256(Path(f"{shard}.fna").read_bytes()).hexdigest()
    matrix = read_tensor(dna, "embedding")
    assert matrix.dtype == np.float16 and matrix.shape == (3, 768)
    # Lower case is the same sequence.
    np.testing.assert_array_equal(matrix[0], matrix[1])
    assert not np.array_equal(matrix[0], matrix[2])

    fused = run(
        fuse,
        fusion="both",
        frames=f"{shard}.parquet",
        embeddings=[protein, dna],
        out=tmp_path / "fused.safetensors",
    )
    rows = read_tensor(fused, "embedding")
    np.testing.assert_array_equal(rows[:, :1280], read_tensor(protein, "embedding"))
    np.testing.assert_array_equal(rows[:, 1280:], matrix)
    metadata = read_metadata(fused)
    assert set(metadata) == FUSED_KEYS
    backends = json.loads(metadata["backends"])
    assert [(b["backend"], b["width"]) for b in backends] == [
        ("tiny_protein", 1280),
        ("tiny_dna", 768),
    ]
    assert set(backends[0]) == MODEL_KEYS | {"width", "store"}
    assert {b["store"] for b in backends} == {"float16"}
    assert backends[0]["random"] is True and backends[0]["revision"] is None
    first = fused.read_bytes(), dna.read_bytes()
    embed_both(models, shard)
    run(
        fuse,
        fusion="both",
        frames=f"{shard}.parquet",
        embeddings=[protein, dna],
        out=fused,
    )
    assert (fused.read_bytes(), dna.read_bytes()) == first


def test_empty_shard(models, tmp_path):
    shard = write_shard(tmp_path, rows=0)
    out = tmp_path / "fused.safetensors"
    embeddings = embed_both(models, shard)
    run(fuse, fusion="both", frames=f"{shard}.parquet", embeddings=embeddings, out=out)
    assert read_tensor(out, "embedding").shape == (0, 2048)


def test_edited_shard(models, tmp_path):
    shard, out = write_shard(tmp_path), tmp_path / "x.safetensors"
    Path(f"{shard}.fna").write_text(">c_chunk_1F1\nACGT\n")
    with pytest.raises(InputError, match=r"\.fna: damaged, or does not belong to the parquet"):
        run(embed, model=models / "dna", shard=shard, out=out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("sample", "s2", "sample is s2, but s1 in .*0001-of-0002.parquet"),
        ("cut", "w500", "cut is w500, but w300 in"),
        ("shard", "0002-of-0002", "shard is 0002-of-0002, but 0001-of-0002 in"),
        ("rows", "4", "rows is 4, but 3 in"),
        ("shard_sha256", "0" * 64, f"sequences with sha256 {'0' * 64}, but .* belongs to"),
    ],
)
def test_a_difference_is_named(models, tmp_path, key, value, message):
    shard = write_shard(tmp_path)
    [dna, _] = embed_both(models, shard)
    write_tensors(
        dna, {"embedding": read_tensor(dna, "embedding")}, {**read_metadata(dna), key: value}
    )
    out = tmp_path / "fused.safetensors"
    with pytest.raises(InputError, match=message):
        run(fuse, fusion="f", frames=f"{shard}.parquet", embeddings=[dna], out=out)
    assert not out.exists()


def test_rows_that_are_missing(models, tmp_path):
    shard = write_shard(tmp_path)
    [dna, _] = embed_both(models, shard)
    write_tensors(dna, {"embedding": read_tensor(dna, "embedding")[:2]}, read_metadata(dna))
    with pytest.raises(InputError, match=r"2 rows, but .*0001-of-0002.parquet has 3"):
        run(fuse, fusion="f", frames=f"{shard}.parquet", embeddings=[dna], out=tmp_path / "f")


def test_fuse_starts_without_torch():
    code = "import fuse, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, check=True)
