"""The whole DAG before any result exists, under every profile, and again the same."""

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def test_the_whole_dag_shows_before_anything_ran(fresh):
    planned = fresh.planned()
    for rule in (REPOSITORY / "rules").glob("*.smk"):
        names = [
            line.split()[1].rstrip(":")
            for line in rule.read_text().splitlines()
            if line.strip().startswith("rule ")
        ]
        missing = set(names) - set(planned) - {"download", "proteins", "export_hdf5"}
        assert not missing, f"{rule.name}: {missing} not planned"
    assert planned == fresh.planned(), "the plan changed between two parses"


@pytest.mark.parametrize("target", ["embed", "train", "evaluate", "predict", "export", "report"])
def test_every_named_target_plans(fresh, target):
    assert fresh.planned(target)


def test_the_rulegraph_draws_the_chain(fresh):
    graph = fresh.run("--rulegraph")
    for rule in ("frames", "embed_shard", "fuse", "train_classifier", "predict_sample"):
        assert rule in graph
