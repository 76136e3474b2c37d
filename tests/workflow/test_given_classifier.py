"""Contigs and a packed classifier from another folder are all that a prediction needs."""

import shutil
import subprocess
import sys

import pandas as pd


def test_a_given_classifier_scores_windows_as_where_it_was_trained(finished, fresh):
    trained, contigs = finished.folder / "results", fresh.folder / "my lake.fa.gz"
    script = "workflow/scripts/pack_classifier.py"
    words = ["--classifier", str(trained / "classifiers/long"), "--out", "gift.seqloom.zip"]
    subprocess.run([sys.executable, script, *words], cwd=fresh.folder, check=True)
    shutil.copy(finished.folder / "resources/demo/query.fa.gz", contigs)
    shutil.copytree(finished.folder / "models", fresh.folder / "models")
    (fresh.folder / "samples.tsv").unlink()
    fresh.run("predict", "--config", f"contigs={contigs.name}", "classifier=gift.seqloom.zip")

    tables = [
        pd.read_parquet(folder / "windows.parquet").set_index(["contig", "window"])
        for folder in (
            trained / "predictions/long/query",
            fresh.folder / "results/predictions/gift/my_lake",
        )
    ]
    # The sheet there reads 40 frames of the sample, here all are read.
    chosen, everything = tables[0].dropna(subset="logit"), tables[1]
    assert len(everything) > len(chosen) > 10
    common = everything.loc[chosen.index]
    same = common["frames"] == chosen["frames"]
    assert same.sum() > 10
    columns = ["start", "end", "logit", "probability"]
    pd.testing.assert_frame_equal(chosen.loc[same, columns], common.loc[same, columns])
    assert not list((fresh.folder / "results").glob("classifiers"))
