"""The rows of docs/rebuilds.md that no other test holds; a dry-run each."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from projects import CONFIG, SAMPLES

HEADER, VIRAL, BACTERIA, QUERY = SAMPLES.splitlines(keepends=True)
EMBED, EXPERIMENTS = CONFIG["embed"], CONFIG["experiments"]
LONG = EXPERIMENTS["long"]

CALLED = {"predict_sample": 1, "report": 1}
TRAINED = CALLED | {"train_classifier": 4, "evaluate_classifier": 4, "compare": 1}
SPLIT = TRAINED | {"split": 2}
EXPORTED = {"export_npy": 9, "export_virnucpro": 3}
EMBEDDED = TRAINED | EXPORTED | {"embed_shard": 11, "count_kmers": 5, "fuse": 11}
# 4-mers have no precision.
BY_MODELS = EMBEDDED | {"train_classifier": 2, "evaluate_classifier": 2, "fuse": 6}
del BY_MODELS["count_kmers"]
CUT = EMBEDDED | SPLIT | {"frames": 7, "export_identified": 3}
ONE = {"train_classifier": 1, "evaluate_classifier": 1, "compare": 1} | CALLED
# The shards of the unlabeled sample; only one experiment makes calls.
LAKE = {"frames": 2, "embed_shard": 3, "fuse": 1, "export_npy": 3, "export_virnucpro": 1}
LAKE |= {"plan": 2, "export_identified": 1} | CALLED
# No file has the name of its shard any more, and smaller ones are more.
SMALLER = CUT | {"frames": 19, "embed_shard": 31, "count_kmers": 14, "fuse": 31}
del SMALLER["split"]


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({"seed": 7}, CUT | {"plan": 6}),
        ({"embed": {"shard_bases": 5000}}, SMALLER),
        (
            {"experiments": EXPERIMENTS | {"long": LONG | {"split": {"seed": 7}}}},
            ONE | {"split": 1, "train_classifier": 2, "evaluate_classifier": 2},
        ),
        ({"experiments": {"long": LONG}}, {"compare": 1, "report": 1}),
        (
            {"experiments": {"new": LONG} | EXPERIMENTS},
            {"split": 1, "train_classifier": 1, "evaluate_classifier": 1}
            | {"compare": 1, "report": 1},
        ),
        ({"predict": CONFIG["predict"] | {"threshold": 0.9}}, CALLED),
        ({"export": [*CONFIG["export"], "hdf5"]}, {"export_hdf5": 9, "report": 1}),
        ({"title": "another", "threads": 3}, {"report": 1}),
    ],
)
def test_a_changed_config_reruns_what_it_has_an_effect_on(copy, changes, rules):
    copy.configure(**changes)
    assert copy.planned() == rules


@pytest.mark.parametrize(
    ("rows", "rules"),
    [
        ([QUERY, BACTERIA, VIRAL], {"report": 1}),
        ([VIRAL, BACTERIA], {"report": 1}),
        ([VIRAL, BACTERIA, QUERY.replace("query", "lake", 1)], LAKE | {"index": 1}),
        ([VIRAL, BACTERIA, QUERY.replace("\t40\t", "\t38\t")], LAKE | {"index": 0}),
        ([VIRAL, BACTERIA, QUERY.replace("\t11\t", "\t4\t")], LAKE | {"index": 0}),
        ([VIRAL, BACTERIA.replace("\tbacteria\t", "\tsoil\t"), QUERY], SPLIT),
        (
            [
                VIRAL.replace("\tviral\t", "\thost\t"),
                BACTERIA.replace("\thost\t", "\tviral\t"),
                QUERY,
            ],
            SPLIT | {"export_virnucpro": 2},
        ),
        (
            [VIRAL.replace("gbff", "gff3"), BACTERIA, QUERY],
            # Only the second cut trains on coding frames, and its experiment makes no calls.
            {"coding": 1, "plan": 1, "frames": 1, "embed_shard": 1, "fuse": 2, "export_npy": 1}
            | {"export_identified": 1, "count_kmers": 1, "split": 1, "train_classifier": 2}
            | {"evaluate_classifier": 2, "compare": 1, "report": 1},
        ),
        (
            [VIRAL, BACTERIA, BACTERIA.replace("bacteria", "more", 1), QUERY],
            SPLIT
            | {"index": 1, "coding": 1, "plan": 2, "frames": 2, "embed_shard": 3, "fuse": 4}
            | {"count_kmers": 2}
            | {"export_npy": 3, "export_virnucpro": 1, "export_identified": 1},
        ),
    ],
)
def test_a_changed_sheet_reruns_the_samples_it_changes(copy, rows, rules):
    (copy.folder / "samples.tsv").write_text("".join([HEADER, *rows]))
    assert copy.planned() == {rule: jobs for rule, jobs in rules.items() if jobs}


def test_a_seed_has_no_effect_on_a_sample_without_max_frames(copy):
    rows = [HEADER, VIRAL.replace("\t70\t", "\t\t"), BACTERIA, QUERY]
    (copy.folder / "samples.tsv").write_text("".join(rows))
    plans = [f"results/plans/w300/{name}.parquet" for name in ("viral", "query")]
    copy.run(*plans, "--touch", "--forceall")
    copy.configure(seed=7)
    assert copy.planned(*plans) == {"plan": 1}


def test_precisions_that_change_places_embed_again(copy):
    shard = "results/embeddings/demo_esm2/w300/query/0001-of-0001.safetensors"
    copy.configure(embed=EMBED | {"dtype": "float16", "store": "float32"})
    copy.run(shard, "--touch", "--forceall")
    copy.configure(embed=EMBED | {"dtype": "float32", "store": "float16"})
    assert copy.planned(shard) == {"embed_shard": 1}


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("CUT_VERSION", CUT | {"index": 3, "coding": 2, "plan": 6}),
        ("ENGINE_VERSION", EMBEDDED),
        ("LEARN_VERSION", SPLIT),
        ("CALL_VERSION", CALLED),
    ],
)
def test_a_raised_version_reruns_its_stage_and_what_follows(copy, name, rules):
    with open(copy.folder / "workflow/scripts/seqloom/__init__.py", "a") as file:
        file.write(f"\n{name} = 'raised'\n")
    assert copy.planned() == rules


@pytest.mark.parametrize("profile", ["workstation-a6000", "slurm-a6000"])
def test_another_profile_reruns_nothing(finished, profile):
    command = finished.command("-n")
    command[command.index("profiles/ci")] = f"profiles/{profile}"
    done = subprocess.run(command, cwd=finished.folder, capture_output=True, text=True)
    assert "Nothing to be done" in done.stdout + done.stderr


def test_lost_models_work_and_logs_rerun_nothing(copy):
    for folder in ("models", "work", "logs", "results/benchmarks"):
        shutil.rmtree(copy.folder / folder)
    assert copy.planned() == {}


def test_a_lost_fused_shard_is_noticed_by_all_but_not_by_a_later_target(copy):
    (copy.folder / "results/fused/both/w300/viral/0001-of-0002.safetensors").unlink()
    assert copy.planned("predict") == {}
    assert copy.planned() == ONE | {"fuse": 1, "export_virnucpro": 1}


def test_without_the_records_of_snakemake_a_changed_setting_goes_unnoticed_until_a_touch(copy):
    shutil.rmtree(copy.folder / ".snakemake")
    assert "76 jobs have missing provenance/metadata" in copy.run("-n")
    other = EMBED | {"dtype": "float16"}
    copy.configure(embed=other)
    assert copy.planned() == {}
    copy.configure()
    copy.run("--touch", "--forceall")
    copy.configure(embed=other)
    assert copy.planned() == BY_MODELS


def test_a_copy_without_times_reruns_what_is_out_of_order_until_a_touch(copy):
    files = [path for path in (copy.folder / "results").rglob("*") if path.is_file()]
    newest_first = sorted(files, key=lambda path: -path.stat().st_mtime)
    for seconds, path in enumerate(newest_first):
        os.utime(path, (2e9 + seconds, 2e9 + seconds))
    # Snakemake knows small inputs by their checksums; results of real genomes are larger.
    large = ("--max-checksum-file-size", "0")
    planned = copy.planned(*large)
    assert planned["embed_shard"] == 11
    assert "embed_shard" not in copy.planned()
    copy.run("--touch", "--forceall")
    assert copy.planned(*large) == {}


def test_the_results_of_a_removed_sample_stay_and_are_listed(copy):
    (copy.folder / "samples.tsv").write_text("".join([HEADER, VIRAL, BACTERIA]))
    results = [Path("results", name) for name in copy.results()]
    unused = [Path(line) for line in copy.run("--list-untracked").splitlines()]
    kept = {path for path in unused if path.parts[0] == "results"}
    listed = {path for path in kept if path.parts[1] != "benchmarks"}
    assert listed == {path for path in results if "query" in str(path)}
