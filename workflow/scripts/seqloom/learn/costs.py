"""What embedding took, by backend and cut, from the benchmark files of its jobs."""

from pathlib import Path

import pandas as pd

from seqloom.files.tensors import read_layout


def costs(benchmarks: Path, embeddings: Path) -> pd.DataFrame:
    """Seconds, rows a second and the largest memory of the shards that are still there."""
    rows = []
    for file in sorted(benchmarks.glob("*/*/*/*.tsv")):
        backend, cut, sample, _ = file.relative_to(benchmarks).parts
        matrix = (embeddings / backend / cut / sample / file.name).with_suffix(".safetensors")
        if matrix.exists():
            job = pd.read_csv(file, sep="\t", na_values="-").iloc[-1]
            [count, _], _ = read_layout(matrix, "embedding")
            rows.append((backend, cut, count, job["s"], job["max_rss"]))
    table = pd.DataFrame(rows, columns=["backend", "cut", "rows", "seconds", "max_rss_mb"])
    found = table.groupby(["backend", "cut"], as_index=False).agg(
        shards=("rows", "size"),
        rows=("rows", "sum"),
        seconds=("seconds", "sum"),
        max_rss_mb=("max_rss_mb", "max"),
    )
    return found.assign(rows_per_second=found["rows"] / found["seconds"])
