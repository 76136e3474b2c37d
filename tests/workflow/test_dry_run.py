"""The whole DAG before any result exists, under every name it goes by."""

from pathlib import Path

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


def test_the_named_targets_together_plan_what_the_whole_run_does(fresh):
    targets = ["embed", "train", "evaluate", "predict", "export"]
    together = fresh.planned(*targets, "report")
    assert [together.pop(target, 0) for target in targets] == [1] * len(targets)
    assert together == fresh.planned()
