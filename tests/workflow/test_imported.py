"""Finished embeddings of VirNucPro take the place of computed ones."""

import shutil
import subprocess
import sys

SCRIPT = "workflow/scripts/import_virnucpro.py"


def test_imported_samples_need_no_model_and_are_not_embedded(copy):
    results = copy.folder / "results"
    samples = ("viral", "bacteria", "query")
    for path in [results / "embeddings", results / "fused/both", copy.folder / "models"]:
        shutil.rmtree(path)
    for sample in samples:
        payload = results / f"export/virnucpro/both/w300/{sample}_merged.pt"
        tables = sorted((results / f"shards/w300/{sample}").glob("*.parquet"))
        words = ["--payloads", payload, "--backends", "demo_dnabert_s", "demo_esm2"]
        command = [sys.executable, SCRIPT, *words, "--frames", *tables]
        subprocess.run(command, cwd=copy.folder, check=True)
    shutil.move(results / "export", copy.folder / "export")
    target = [f"results/export/virnucpro/both/w300/{sample}_merged.pt" for sample in samples]
    planned = copy.planned(*target)
    assert set(planned) == {"fuse", "export_virnucpro"}
    copy.run(*target)
    for file in target:
        before = copy.folder / file.removeprefix("results/")
        assert (copy.folder / file).read_bytes() == before.read_bytes()
