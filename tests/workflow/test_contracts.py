"""Every output of a finished run against docs/outputs.md: names, columns, types, metadata, rows."""

import json
import re
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from safetensors import safe_open

OUTPUTS = (Path(__file__).parents[2] / "docs/outputs.md").read_text()


def section(title: str) -> str:
    return OUTPUTS.split(f"## {title}")[1].split("\n## ")[0]


def documented_columns(title: str) -> dict[str, str]:
    """Column and type of each row of the table in a section."""
    _, body = re.split(r"\|---.*", section(title), maxsplit=1)
    rows = re.findall(r"^\| (.+?) \| (.*?) \|", body, re.MULTILINE)
    return {name: kind for names, kind in rows for name in names.split(", ")}


def only(project, pattern: str) -> Path:
    return sorted((project.folder / "results").glob(pattern))[0]


def metadata_of(path: Path) -> dict[str, str]:
    if path.suffix == ".parquet":
        return {k.decode(): v.decode() for k, v in pq.read_schema(path).metadata.items()}
    with safe_open(path, "numpy") as file:
        return file.metadata()


@pytest.mark.parametrize(
    ("title", "pattern"),
    [
        ("contigs/{sample}.tsv", "contigs/viral.tsv"),
        ("predictions/{experiment}/{sample}/", "predictions/long/query/contigs.tsv"),
    ],
)
def test_columns_of_tables(finished, title, pattern):
    table = pd.read_csv(only(finished, pattern), sep="\t")
    assert list(table.columns) == list(documented_columns(title))


@pytest.mark.parametrize(
    ("title", "pattern"),
    [
        ("plans/{cut}/{sample}.parquet", "plans/w300/viral.parquet"),
        ("shards/{cut}/{sample}/", "shards/w300/viral/*.parquet"),
        ("splits/{experiment}.parquet", "splits/long.parquet"),
    ],
)
def test_columns_of_parquet(finished, title, pattern):
    schema = pq.read_schema(only(finished, pattern))
    types = {field.name: str(field.type).removeprefix("large_") for field in schema}
    assert types == documented_columns(title)
    assert schema.names == list(types)


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("shards/w300/viral/*.parquet", "sample cut cut_settings molecule shard rows faa_sha256"),
        ("embeddings/*/w300/viral/*", "backend weights_sha256 dtype pooling engine_version"),
        (
            "fused/both/w300/viral/*",
            "fusion backends sample cut cut_settings faa_sha256 rows",
        ),
        ("plans/w300/viral.parquet", ""),
        ("splits/long.parquet", "experiment seed"),
        ("evaluation/long/predictions.parquet", ""),
        ("predictions/long/query/windows.parquet", "experiment sample"),
    ],
)
def test_metadata_says_what_made_the_file(finished, pattern, keys):
    metadata = metadata_of(only(finished, pattern))
    assert set(keys.split()) <= set(metadata)
    made = json.loads(metadata["provenance"])
    assert {"rule", "versions", "settings", "inputs"} == set(made)
    assert all(re.fullmatch("[0-9a-f]{64}", entry["sha256"]) for entry in made["inputs"].values())


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("contigs/viral.json", "sample molecule contigs bases"),
        (
            "classifiers/long/classifier.json",
            "labels architecture cut_settings backends",
        ),
        ("evaluation/long/metrics.json", "experiment model random levels categories"),
        ("evaluation/long/baseline.json", "experiment model random levels categories"),
        ("comparison/comparison.json", ""),
        ("predictions/long/query/summary.json", "contigs bases threshold min_windows random fdr"),
    ],
)
def test_json_says_what_made_it(finished, pattern, keys):
    value = json.loads(only(finished, pattern).read_text())
    assert {*keys.split(), "provenance"} <= set(value)


def test_every_documented_folder_is_written_and_no_other(finished):
    documented = {
        title.split("/")[0] for title in re.findall(r"^## ([a-z]+)/", OUTPUTS, re.MULTILINE)
    }
    written = {path.name for path in (finished.folder / "results").iterdir() if path.is_dir()}
    assert written - {"benchmarks"} == documented - {"models", "resources"}


def test_rows_in_are_rows_out(finished):
    """The frames of plan, shards, embeddings and fusion agree, sample by sample."""
    root = finished.folder / "results"
    for plan in root.glob("plans/*/*.parquet"):
        cut, sample = plan.parent.name, plan.stem
        kept = pd.read_parquet(plan)["kept_frames"].sum()
        for kind, pattern in (
            ("shards", f"shards/{cut}/{sample}/*.parquet"),
            ("embeddings", f"embeddings/*/{cut}/{sample}/*.safetensors"),
            ("fused", f"fused/*/{cut}/{sample}/*.safetensors"),
        ):
            rows: dict[Path, int] = {}
            for path in root.glob(pattern):
                rows[path.parent] = rows.get(path.parent, 0) + int(metadata_of(path)["rows"])
            assert set(rows.values()) <= {kept}, (kind, plan)


def test_every_contig_has_its_line_in_input_order(finished):
    contigs = pd.read_csv(only(finished, "contigs/query.tsv"), sep="\t")
    calls = pd.read_csv(only(finished, "predictions/long/query/contigs.tsv"), sep="\t")
    assert calls["contig"].tolist() == contigs["contig"].tolist()
    assert calls["reason"].notna().all()


def test_a_fused_row_is_both_embeddings_side_by_side(finished):
    fused = only(finished, "fused/both/w300/viral/*")
    place = fused.relative_to(finished.folder / "results/fused/both")
    parts = [
        finished.folder / "results/embeddings" / backend / place
        for backend in ("demo_dnabert_s", "demo_esm2")
    ]
    matrices = [safe_open(path, "numpy").get_tensor("embedding") for path in [fused, *parts]]
    assert matrices[0].shape[1] == 2048 == sum(part.shape[1] for part in matrices[1:])
    assert (matrices[0][:, :768] == matrices[1]).all()
    assert (matrices[0][:, 768:] == matrices[2]).all()
