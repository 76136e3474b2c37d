"""The outputs of a finished run have the names, columns, types and metadata of docs/outputs.md."""

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from safetensors import safe_open

OUTPUTS = (Path(__file__).parents[2] / "docs/outputs.md").read_text()

COUNTS = ["windows", "frames", "kept_windows", "kept_frames"]
FRAMES = ("F1", "F2", "F3", "R1", "R2", "R3")
WHY = {1: "no_open_frame", 2: "ambiguous", 3: "not_coding"}


def section(title: str) -> str:
    return OUTPUTS.split(f"## {title}")[1].split("\n## ")[0]


def documented_columns(title: str) -> dict[str, str]:
    """Column and type of each row of the table in a section."""
    _, body = re.split(r"\|---.*", section(title), maxsplit=1)
    rows = re.findall(r"^\| (.+?) \| (.*?) \|", body, re.MULTILINE)
    return {name: kind for names, kind in rows for name in names.split(", ")}


def only(project, pattern: str) -> Path:
    return sorted((project.folder / "results").glob(pattern))[0]


def tsv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", keep_default_na=False)


def metadata_of(path: Path) -> dict[str, str]:
    if path.suffix == ".parquet":
        return {k.decode(): v.decode() for k, v in pq.read_schema(path).metadata.items()}
    with safe_open(path, "numpy") as file:
        return file.metadata()


@pytest.mark.parametrize(
    ("title", "pattern"),
    [
        ("contigs/{cut}/{sample}.tsv", "contigs/w300/viral.tsv"),
        ("predictions/{experiment}/{sample}/", "predictions/long/query/contigs.tsv"),
        ("predictions/{experiment}/{sample}/regions.tsv", "predictions/long/query/regions.tsv"),
    ],
)
def test_columns_of_tables(finished, title, pattern):
    table = pd.read_csv(only(finished, pattern), sep="\t")
    assert list(table.columns) == list(documented_columns(title))


def test_the_record_table_has_the_contig_columns_without_counts(finished):
    text = " ".join(section("genomes/{sample}").split())
    assert "the columns of contigs.tsv below but for the four counts" in text
    columns = documented_columns("contigs/{cut}/{sample}.tsv")
    records = tsv(finished.folder / "results/genomes/viral.tsv")
    assert list(records) == [name for name in columns if name not in COUNTS]


@pytest.mark.parametrize(
    ("title", "pattern"),
    [
        ("coding/{sample}.parquet", "coding/*.parquet"),
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
        ("coding/viral.parquet", ""),
        ("splits/long.parquet", "experiment seed"),
        ("evaluation/long/predictions.parquet", ""),
        ("predictions/long/query/windows.parquet", "experiment sample"),
    ],
)
def test_files_have_the_documented_metadata(finished, pattern, keys):
    metadata = metadata_of(only(finished, pattern))
    assert set(keys.split()) <= set(metadata)
    made = json.loads(metadata["provenance"])
    assert {"rule", "versions", "settings", "inputs"} == set(made)
    assert all(re.fullmatch("[0-9a-f]{64}", entry["sha256"]) for entry in made["inputs"].values())


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("genomes/viral.json", "sample molecule contigs bases"),
        ("contigs/w300/viral.json", "contigs windows frames kept_windows kept_frames"),
        ("export/virnucpro/w150/viral.identified.json", "sample cut cut_settings"),
        (
            "classifiers/long/classifier.json",
            "labels architecture cut_settings backends",
        ),
        ("evaluation/long/metrics.json", "experiment split random levels"),
        ("evaluation/kmer_w150/metrics.json", "experiment split random levels"),
        ("comparison/comparison.json", ""),
        ("predictions/long/query/summary.json", "contigs bases threshold min_windows random fdr"),
    ],
)
def test_json_files_have_the_documented_keys(finished, pattern, keys):
    value = json.loads(only(finished, pattern).read_text())
    assert {*keys.split(), "provenance"} <= set(value)


def test_exactly_the_documented_folders_are_written(finished):
    documented = {
        title.split("/")[0] for title in re.findall(r"^## ([a-z]+)/", OUTPUTS, re.MULTILINE)
    }
    written = {path.name for path in (finished.folder / "results").iterdir() if path.is_dir()}
    absent = {"records", "residues", "validation", "annotate"}  # of protein sets, of annotation
    assert written - {"benchmarks"} == documented - {"models", "resources"} - absent


def test_every_stage_keeps_all_rows(finished):
    """The frames of contigs, shards, embeddings and fusion agree, sample by sample."""
    root = finished.folder / "results"
    for table in root.glob("contigs/*/*.tsv"):
        cut, sample = table.parent.name, table.stem
        counts = tsv(table)[COUNTS].sum().to_dict()
        card = json.loads(table.with_suffix(".json").read_text())
        assert {name: card[name] for name in COUNTS} == counts
        kept = counts["kept_frames"]
        for kind, pattern in (
            ("shards", f"shards/{cut}/{sample}/*.parquet"),
            ("embeddings", f"embeddings/*/{cut}/{sample}/*.safetensors"),
            ("fused", f"fused/*/{cut}/{sample}/*.safetensors"),
        ):
            rows: dict[Path, int] = {}
            for path in root.glob(pattern):
                rows[path.parent] = rows.get(path.parent, 0) + int(metadata_of(path)["rows"])
            assert set(rows.values()) <= {kept}, (kind, table)


@pytest.mark.parametrize("sample", ["viral", "bacteria", "query"])
@pytest.mark.parametrize("cut", ["w300", "w150"])
def test_a_plan_agrees_with_contigs_and_shards(finished, cut, sample):
    root = finished.folder / "results"
    plan = pd.read_parquet(root / f"plans/{cut}/{sample}.parquet")["window"].to_numpy()
    assert plan.dtype == np.uint8
    # The bits are written as in the documentation, independent of the code.
    lost, read = plan >> 7 == 1, plan >> 6 & 1 == 1
    used = [[i for i in range(6) if byte >> i & 1 and byte < 128] for byte in plan]
    frames = np.array([len(bits) for bits in used])
    assert (lost == (frames == 0)).all()
    contigs = tsv(root / f"contigs/{cut}/{sample}.tsv")
    ends = contigs["windows"].cumsum()
    assert ends.iloc[-1] == len(plan)
    counts = {"frames": frames, "kept_windows": read, "kept_frames": frames * read}
    for name, values in counts.items():
        sums = np.diff(np.append(0, values.cumsum())[[0, *ends]])
        assert sums.tolist() == contigs[name].tolist(), name
    expected = []
    for i in np.flatnonzero(read):
        expected += [WHY[plan[i] & 63]] if lost[i] else [FRAMES[bit] for bit in used[i]]
    shards = pd.concat(
        pd.read_parquet(path) for path in sorted(root.glob(f"shards/{cut}/{sample}/*.parquet"))
    )
    names = shards["id"].str.extract(r"_chunk_\d+(.*)$")[0]
    found = names.where(shards["status"] == "ok", shards["status"])
    assert found.tolist() == expected
    assert set(contigs["status"]) <= {"ok", "empty", "all_ambiguous", "no_frame"}
    assert ((contigs["status"] == "ok") == (contigs["frames"] > 0)).all()
    assert ((contigs["status"] == "ok") == (contigs["reason"] == "")).all()


def test_only_labeled_samples_lose_noncoding_frames(finished):
    for cut, sample in itertools.product(("w300", "w150"), ("viral", "bacteria", "query")):
        plan = pd.read_parquet(finished.folder / f"results/plans/{cut}/{sample}.parquet")["window"]
        not_coding = (plan & 0b1011_1111) == 0b1000_0011
        assert not_coding.any() == (cut == "w150" and sample != "query"), (cut, sample)


def test_every_contig_has_a_row_in_input_order(finished):
    records, contigs, calls = (
        tsv(only(finished, path))
        for path in (
            *("genomes/query.tsv", "contigs/w300/query.tsv"),
            "predictions/long/query/contigs.tsv",
        )
    )
    assert calls["contig"].tolist() == contigs["contig"].tolist() == records["contig"].tolist()
    assert (calls["reason"] != "").all()
    without = contigs["status"] != "ok"
    assert without.any()
    assert calls["reason"][without].tolist() == contigs["reason"][without].tolist()


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
