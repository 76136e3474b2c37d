"""Random kills of jobs, of Snakemake and of everything at once; the results are always equal.

SEQLOOM_RUNS says how many runs are killed ten times each; SEQLOOM_DEMO=1 takes config/demo.yaml.
"""

import fcntl
import os
import shutil

import pytest
from kills import GPUS, Campaign
from projects import make_project

RUNS = int(os.environ.get("SEQLOOM_RUNS", "1"))
KILLS = 10
DEMO = os.environ.get("SEQLOOM_DEMO") == "1"
# Of the small project half of the work, with jobs of all kinds.
TARGET = "all" if DEMO else "predict"
# Seconds of processors from a start to its kill, at most: a part of the whole run.
LONGEST = 60 if DEMO else 12


@pytest.fixture(scope="module")
def undisturbed(request, tmp_path_factory):
    """The results of a run without kills."""
    if not DEMO:
        return request.getfixturevalue("finished").results()
    project = demo(make_project(tmp_path_factory.mktemp("demo") / "project"))
    project.run()
    return project.results()


def demo(project):
    shutil.copy(project.folder / "config/demo.yaml", project.folder / "config.yaml")
    return project


@pytest.mark.parametrize("seed", range(RUNS))
def test_after_random_kills_the_same_command_gives_the_same_results(fresh, undisturbed, seed):
    project = demo(fresh) if DEMO else fresh
    campaign = Campaign(project, TARGET, seed, LONGEST)
    for _ in range(KILLS):
        printed = campaign.killed()
        # Whatever fails beside the victim would be a fault of its own.
        assert "error: " not in printed and "Traceback" not in printed, printed
    last = campaign.start(project.folder.parent / "last.txt")
    assert last.wait() == 0, (project.folder.parent / "last.txt").read_text()
    campaign.read_logs()
    print(f"seed {seed}:", dict(sorted(campaign.counts.items())))
    # Two jobs run at a time.
    assert campaign.counts["jobs started again"] <= 2 * KILLS
    found = project.results()
    assert [path for path in found if found[path] != undisturbed.get(path)] == []
    assert project.planned(TARGET) == {}
    assert campaign.processes() == {}
    assert leftovers(project.folder) == []
    for gpu in GPUS:
        with open(campaign.leases / f"{gpu}.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def leftovers(folder):
    """Temporary files, downloads that nobody goes on with, and progress of finished jobs."""
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    hidden = [file for file in files if ".tmp." in file.name or ".part" in str(file)]
    work = [file for file in files if file.parts[0] == "work" and file.name != "checksums.tsv"]
    return hidden + work
