"""The scripts from split to compare, run in order on a small data set."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from learn_data import make_world, write_fused

import compare
import evaluate
import split
import train
from seqloom.errors import InputError
from seqloom.files.tables import read_table_metadata
from seqloom.files.tensors import read_metadata, read_tensor
from seqloom.learn.classifier import load
from seqloom.learn.scores import calibrated


def call(script, **options):
    """Run a script's main with options as on its command line."""
    words = []
    for name, value in options.items():
        values = value if isinstance(value, list) else [value]
        words += [f"--{name.replace('_', '-')}", *map(str, values)]
    script.main(script.arguments().parse_args(words))


def run_split(world, folder):
    call(
        split,
        experiment="toy",
        samples=list(map(json.dumps, world.samples)),
        contigs=world.contigs,
        genomes=world.genomes,
        fractions=[0.5, 0.25, 0.25],
        out=folder / "split.parquet",
        audit=folder / "audit.tsv",
        leaks=folder / "leaks.tsv",
    )
    return folder / "split.parquet"


def run_train(world, table, out):
    recipe = {"hidden": 8, "lr": 0.05, "batch_size": 8, "max_epochs": 8}
    files = {"split": table, "frames": world.frames, "fused": world.fused}
    call(train, experiment="toy", **files, **recipe, out=out)


def run_evaluate(world, table, classifier, out):
    files = {"split": table, "frames": world.frames, "fused": world.fused}
    call(evaluate, classifier=classifier, **files, out=out)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learned")
    world = make_world(folder)
    table = run_split(world, folder)
    run_train(world, table, folder / "classifier")
    run_evaluate(world, table, folder / "classifier", folder / "evaluation")
    return world, folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_planted_signal_is_learned(learned):
    _, folder = learned
    metrics = json.loads((folder / "evaluation" / "metrics.json").read_text())
    assert metrics["levels"]["frame"]["auroc"] > 0.95
    assert metrics["levels"]["contig"]["accuracy"] == 1.0
    assert metrics["random"] is True
    few = "4 host in validation, 2 viral in validation, 4 host in test, 2 viral in test"
    assert few in metrics["warning"] and "learned nothing" not in metrics["warning"]
    strata = pd.read_csv(folder / "evaluation" / "strata.tsv", sep="\t")
    assert set(strata[strata["by"] == "category"]["stratum"]) == {"vir", "bac", "fun"}
    assert set(strata["by"]) == {"category", "length", "gc", "group"}
    assert metrics["split"] == "toy"


def test_audit_counts_are_integers(learned):
    _, folder = learned
    lines = (folder / "audit.tsv").read_text().splitlines()
    assert lines[1].split("\t")[:3] == ["train", "bac", "2"]
    assert [line.split("\t")[0] for line in lines[-2:]] == [
        "validation in train",
        "train in validation",
    ]


def test_the_provenance_of_a_split_names_all_its_inputs(learned):
    _, folder = learned
    made = json.loads(read_table_metadata(folder / "split.parquet")["provenance"])
    kinds = ("contigs", "groups")
    assert set(made["inputs"]) == {f"{k} of {s}" for k in kinds for s in ("vir", "bac", "fun")}
    assert made["settings"]["samples"]["bac"] == ["host", "bac"]


def test_evaluation_predicts_exactly_the_test_part(learned):
    _, folder = learned
    predictions = pd.read_parquet(folder / "evaluation" / "predictions.parquet")
    table = pd.read_parquet(folder / "split.parquet")
    test = table[table["part"] == "test"]
    assert set(predictions["contig"]) == set(test["contig"])
    assert len(predictions) == test["take"].sum()
    calibration = load(folder / "classifier").description["calibration"]["frame"]
    np.testing.assert_array_equal(
        predictions["probability"], calibrated(predictions["logit"], calibration)
    )


def test_a_second_run_gives_the_same_bytes(learned, tmp_path):
    world, folder = learned
    table = run_split(world, tmp_path)
    assert table.read_bytes() == (folder / "split.parquet").read_bytes()
    run_train(world, table, tmp_path / "classifier")
    assert contents(tmp_path / "classifier") == contents(folder / "classifier")
    run_evaluate(world, table, tmp_path / "classifier", tmp_path / "evaluation")
    assert contents(tmp_path / "evaluation") == contents(folder / "evaluation")


def poison(world, table, part):
    """Replace the fused rows of a part by NaN."""
    contigs = set(table.loc[table["part"] == part, "contig"])
    for frame_file, fused_file in zip(world.frames, world.fused, strict=True):
        rows = pd.read_parquet(frame_file).dropna(subset=["row"])
        matrix = read_tensor(fused_file, "embedding").copy()
        matrix[rows.loc[rows["contig"].isin(contigs), "row"].astype(int)] = np.nan
        metadata = read_metadata(fused_file)
        write_fused(fused_file, metadata["sample"], metadata["shard"], matrix)


def test_training_never_reads_the_test_part(learned, tmp_path):
    _, folder = learned
    world = make_world(tmp_path)
    table = run_split(world, tmp_path)
    poison(world, pd.read_parquet(table), "test")
    run_train(world, table, tmp_path / "classifier")  # a NaN that is read is an error
    histories = [f / "classifier" / "history.tsv" for f in (tmp_path, folder)]
    assert histories[0].read_bytes() == histories[1].read_bytes()
    networks = [load(f / "classifier").network.state_dict() for f in (tmp_path, folder)]
    assert all(torch.equal(networks[0][name], networks[1][name]) for name in networks[0])
    with pytest.raises(InputError, match="not finite"):
        run_evaluate(world, table, tmp_path / "classifier", tmp_path / "evaluation")
    assert not (tmp_path / "evaluation" / "metrics.json").exists()


def test_evaluation_reads_only_the_test_part(learned, tmp_path):
    _, folder = learned
    world = make_world(tmp_path)
    for part in ("train", "validation"):
        poison(world, pd.read_parquet(folder / "split.parquet"), part)
    run_evaluate(world, folder / "split.parquet", folder / "classifier", tmp_path / "evaluation")
    predictions = [f / "evaluation" / "predictions.parquet" for f in (tmp_path, folder)]
    first, second = map(pd.read_parquet, predictions)
    assert first.equals(second)


def test_evaluation_refuses_another_split(learned, tmp_path):
    world, folder = learned
    table = pd.read_parquet(folder / "split.parquet")
    table.to_parquet(tmp_path / "other.parquet")
    with pytest.raises(InputError, match="was trained on another split"):
        run_evaluate(world, tmp_path / "other.parquet", folder / "classifier", tmp_path)


def test_a_classifier_that_learned_nothing_is_evaluated_with_a_warning(tmp_path):
    world = make_world(tmp_path, signal=0, noise=0)
    table = run_split(world, tmp_path)
    run_train(world, table, tmp_path / "classifier")
    run_evaluate(world, table, tmp_path / "classifier", tmp_path / "evaluation")
    metrics = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())
    assert metrics["warning"].startswith("the classifier learned nothing: ")
    assert (
        f"**Warning: {metrics['warning']}.**"
        in (tmp_path / "classifier" / "model_card.md").read_text()
    )
    assert metrics["levels"]["contig"]["n"] > 0


def test_compare_has_a_row_per_experiment_and_level(learned, tmp_path):
    _, folder = learned
    call(
        compare,
        evaluations=[folder / "evaluation"],
        weights=1,
        out=tmp_path / "comparison.tsv",
        figure=tmp_path / "comparison.svg",
    )
    made = json.loads((tmp_path / "comparison.json").read_text())["provenance"]
    assert set(made["inputs"]) == {
        f"{file} of evaluation"
        for file in ("metrics.json", "contigs.parquet", "predictions.parquet")
    }
    table = pd.read_csv(tmp_path / "comparison.tsv", sep="\t")
    assert table["experiment"].tolist() == ["toy"] * 3
    assert table["columns"].tolist() == [8] * 3
    assert table["level"].tolist() == ["frame", "window", "contig"]
    assert ">toy<" in (tmp_path / "comparison.svg").read_text()


def test_the_model_card_says_that_models_are_random(learned):
    _, folder = learned
    card = (folder / "classifier" / "model_card.md").read_text()
    assert "not biology" in card
    assert "| toy | 8 | mean | float32 | r1 |" in card
