"""A protein as long as titin in a set: read in pieces in little memory, or left out by name."""

import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from models_data import peak_memory
from seqs_data import letters

from seqloom.config.registry import Backend
from seqloom.embedding.records import records_of
from seqloom.files.tensors import read_tensor

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
TITIN = 35_213
LENGTHS = {"short": 50, "titin": TITIN, "last": 700}
# As long an input as the published models read. Of T5 the bias of all pairs of titin's tokens alone
# would take 2 x 35,214 x 35,214 x 4 bytes.
SHAPES = {
    "t5": {"d_model": 64, "num_layers": 1, "num_heads": 2, "d_kv": 32, "d_ff": 64},
    "esm": {
        "hidden_size": 64,
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
        "intermediate_size": 64,
        "position_embedding_type": "absolute",
        "emb_layer_norm_before": True,
        "max_position_embeddings": 1026,
        "pad_token_id": 1,
    },
}
LONGEST = {"t5": 4096, "esm": 1024}
# Steps of at most 7/8 of the longest input, as the overlap is at least an eighth.
PIECES = {"t5": 10, "esm": 40}
MEMORY = 2e9


@pytest.fixture(scope="module", params=SHAPES)
def long_set(request, tmp_path_factory) -> tuple[str, Path]:
    """The name of an architecture; a shard, with a model of it in the folder beside."""
    from seqloom.models.fetch import demo_source, write_model

    folder = tmp_path_factory.mktemp(request.param)
    backend = Backend(
        name="small",
        architecture=request.param,
        molecule="protein",
        width=64,
        pooling="mean_residues",
        max_length=LONGEST[request.param],
        dtype="float16",
        parameters=1,
        demo={"seed": 1, **SHAPES[request.param]},
    )
    write_model(backend, demo_source(backend), folder / "model", folder / "lock", False)
    texts = [letters(n, n, b"ACDEFGHIKLMNPQRSTVWY").decode() for n in LENGTHS.values()]
    fasta = "".join(f">{name}\n{text}\n" for name, text in zip(LENGTHS, texts, strict=True))
    (folder / "shard.faa").write_text(fasta)
    columns = {"row": pa.array(range(3), pa.int32()), "id": [*LENGTHS], "end": [*LENGTHS.values()]}
    facts = {"sample": "set", "cut": "whole", "cut_settings": "{}", "shard": "0001-of-0001"}
    facts |= {"rows": "3", "faa_sha256": sha256(fasta.encode()).hexdigest()}
    table = pa.table(columns | {"status": ["ok"] * 3}).replace_schema_metadata(facts)
    pq.write_table(table, folder / "shard.parquet")
    return request.param, folder / "shard"


def embedded(shard: Path, out: Path, *options: str) -> int:
    """Embed the shard and return the most memory that took, in bytes."""
    files = ("--model", shard.with_name("model"), "--shard", shard, "--out", out)
    return peak_memory(sys.executable, SCRIPTS / "embed.py", *files, *options)


@pytest.fixture(scope="module")
def split(long_set) -> tuple[Path, int]:
    """The embeddings of the set with titin in pieces, and the most memory they took."""
    out = long_set[1].with_name("split.safetensors")
    return out, embedded(long_set[1], out, "--too-long", "split")


def test_titin_is_read_in_pieces_that_fit_in_memory(long_set, split, tmp_path):
    (architecture, shard), (whole, memory) = long_set, split
    single = tmp_path / "single.safetensors"
    assert memory < MEMORY
    assert embedded(shard, single, "--too-long", "split", "--residues") < MEMORY
    records = records_of(shard.with_suffix(".parquet"), whole)
    assert [record["residues"] for record in records] == list(LENGTHS.values())
    assert [record["pieces"] for record in records] == [1, PIECES[architecture], 1]

    counts = read_tensor(single, "counts")
    assert counts.tolist() == list(LENGTHS.values()), "each residue once"
    parts = np.split(read_tensor(single, "residues"), counts.cumsum()[:-1])
    for row, residues in zip(read_tensor(whole, "embedding"), parts, strict=True):
        np.testing.assert_allclose(row, residues.mean(axis=0, dtype=float), rtol=0, atol=1e-5)


def test_where_titin_is_refused_and_skipped_the_set_goes_on(long_set, split, tmp_path):
    shard, out = long_set[1], tmp_path / "out.safetensors"
    embedded(shard, out, "--failures", "skip")
    rows, expected = read_tensor(out, "embedding"), read_tensor(split[0], "embedding")
    assert np.isnan(rows[1]).all()
    np.testing.assert_array_equal(rows[[0, 2]], expected[[0, 2]])
    records = records_of(shard.with_suffix(".parquet"), out)
    assert [record["status"] for record in records] == ["ok", "failed", "ok"]
    assert records[1]["reason"].startswith(f"{TITIN} residues, but small reads at most")
