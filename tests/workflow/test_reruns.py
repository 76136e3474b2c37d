"""What a change rebuilds, and what it must not."""

import os
from collections import Counter

import pytest
from projects import CONFIG, RECIPE, SAMPLES
from safetensors import safe_open


def test_a_second_run_does_nothing(finished):
    assert finished.planned() == {}


def test_a_lost_embedding_rebuilds_it_and_what_depends_on_it(copy):
    lost = copy.folder / "results/embeddings/demo_dnabert_s/w300/viral/0002-of-0002.safetensors"
    before = lost.read_bytes()
    lost.unlink()
    assert copy.planned() == {
        "embed_shard": 1,
        "fuse": 1,
        "train_classifier": 1,
        "evaluate_classifier": 1,
        "compare": 1,
        "predict_sample": 1,
        "export_npy": 1,
        "export_virnucpro": 1,
        "report": 1,
    }
    copy.run("embed")
    assert lost.read_bytes() == before


@pytest.mark.parametrize(
    "lost",
    [
        {
            "predictions/long/query/contigs.tsv": "predict_sample",
            "export/virnucpro/w150/viral.identified_protein.fa": "export_identified",
        },
        {
            "classifiers/long/history.tsv": "train_classifier",
            "shards/w150/query/0001-of-0001.fna": "frames",
        },
        {"genomes/query.json": "index", "genomes/bacteria.fa.gz.gzi": "index"},
        {"coding/viral.parquet": "coding"},
        {"contigs/w300/query.json": "plan"},
    ],
)
def test_lost_files_are_made_again(copy, lost):
    """None of the files lost together is downstream of another, which would plan its rule too."""
    for file in lost:
        (copy.folder / "results" / file).unlink()
    planned = copy.planned()
    for rule, files in Counter(lost.values()).items():
        assert planned[rule] == files


def test_another_training_seed_embeds_nothing(copy):
    experiments = {
        name: experiment | {"train": RECIPE | {"seed": 1}}
        for name, experiment in CONFIG["experiments"].items()
    }
    copy.configure(experiments=experiments)
    planned = copy.planned()
    assert planned["train_classifier"] == 4
    assert {"split", "plan", "frames", "embed_shard"}.isdisjoint(planned)


def test_another_order_of_a_fusion_fuses_again(copy):
    swapped = CONFIG["fusions"] | {"both": ["demo_esm2", "demo_dnabert_s"]}
    copy.configure(fusions=swapped, export=["npy"])
    planned = copy.planned()
    assert planned["fuse"] > 1
    assert "embed_shard" not in planned


def test_a_clone_a_comment_and_a_touched_script_rebuild_nothing(copy):
    for folder in ("rules", "workflow", "config", "profiles", "envs"):
        for path in (copy.folder / folder).rglob("*"):
            os.utime(path)
    for name in ("resources/models.yaml", "samples.tsv", "Snakefile"):
        os.utime(copy.folder / name)
    for name in ("Snakefile", "rules/embed.smk", "workflow/scripts/embed.py", "config.yaml"):
        with open(copy.folder / name, "a") as file:
            file.write("\n# a comment\n")
    assert copy.planned() == {}


def test_a_changed_cut_leaves_other_cuts(copy):
    copy.configure(cuts=CONFIG["cuts"] | {"w150": CONFIG["cuts"]["w150"] | {"window": 160}})
    planned = copy.planned()
    assert planned["plan"] == 3
    assert {"index", "coding", "fetch_model", "predict_sample"}.isdisjoint(planned)
    lines = copy.run("-n", "--quiet", "progress").splitlines()
    made = [line for line in lines if line.strip().startswith("output:")]
    assert any("/w150/" in line for line in made)
    assert not any("/w300/" in line for line in made)


def test_the_same_weights_fetched_again_rebuild_nothing(copy):
    [model] = (copy.folder / "models/demo_esm2").glob("*/model.safetensors")
    before = model.read_bytes()
    copy.run("--forcerun", "fetch_model", "--until", "fetch_model")
    assert model.read_bytes() == before
    assert copy.planned() == {}


def test_another_model_rebuilds_what_it_made_and_nothing_else(copy):
    registry = copy.folder / "resources/models.yaml"
    text = registry.read_text()
    assert text.count("seed: 2") == 1
    registry.write_text(text.replace("seed: 2", "seed: 3"))
    planned = copy.planned()
    made = copy.folder / "results/embeddings/demo_esm2/w300"
    assert planned["embed_shard"] == len(list(made.rglob("*.safetensors")))
    assert planned["fetch_model"] == 1
    assert {"frames", "index", "plan", "split"}.isdisjoint(planned)
    before = weights_used(made)
    copy.run("embed")
    assert weights_used(made).isdisjoint(before), "embedded again, with the old weights"


def weights_used(folder):
    return {
        safe_open(path, "numpy").metadata()["weights_sha256"]
        for path in folder.rglob("*.safetensors")
    }


def test_another_sample_leaves_the_embeddings_of_the_others(copy):
    row = "second	resources/demo/query.fa.gz					11	40	25624\n"
    (copy.folder / "samples.tsv").write_text(SAMPLES + row)
    planned = copy.planned()
    assert planned["index"] == 1
    assert {"train_classifier", "split", "evaluate_classifier"}.isdisjoint(planned)


def test_results_lost_beside_a_touched_local_model_are_planned(copy):
    [made] = (copy.folder / "models/demo_esm2").iterdir()
    registry = copy.folder / "resources/models.yaml"
    entry = "  demo: {seed: 2, num_hidden_layers: 1, intermediate_size: 1280}"
    assert registry.read_text().count(entry) == 1
    registry.write_text(registry.read_text().replace(entry, "  repository: someone/esm2"))
    made.rename(copy.folder / "weights")
    copy.configure(models={"demo_esm2": {"local": "weights"}})
    copy.run("--until", "fetch_model")
    os.utime(copy.folder / "weights/model.safetensors")
    planned = copy.planned("embed")
    assert "fetch_model" not in planned
    assert planned["embed_shard"] == 4
    (copy.folder / "weights").rename(copy.folder / "moved")
    copy.configure(models={"demo_esm2": {"local": "moved"}})
    assert copy.planned("embed") == planned
