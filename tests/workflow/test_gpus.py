"""Two models embed one protein sample on two devices at once, and on one device in turn."""

import os

NO_EXPERIMENTS = {"experiments": {}, "predict": {}, "simulate": None, "fusions": {}, "export": []}
MODELS = ["demo_prot_t5", "demo_prost_t5"]
# Stands before embed.py, with its lease: holds a device that nobody else may hold meanwhile, and
# goes on when it has seen the other job.
HOLD = """\
#!/usr/bin/env bash
set -e
mkdir "held_$CUDA_VISIBLE_DEVICES"
trap 'rmdir "held_$CUDA_VISIBLE_DEVICES"' EXIT
echo "$@" >> "used_$CUDA_VISIBLE_DEVICES"
for attempt in {1..3000}; do {sees_the_other} && break; sleep 0.1; done
{sees_the_other}
embed_itself.py "$@"
"""


def models_by_device(project) -> dict[str, list[str]]:
    """The models that ran on each device of the pool, in order of their names."""
    used = {}
    for device in "ab":
        file = project.folder / f"used_{device}"
        text = file.read_text() if file.exists() else ""
        used[device] = [name for name in sorted(MODELS) if f"/{name}/" in text]
        file.unlink(missing_ok=True)
    return used


def run_with(project, sees_the_other: str) -> dict[str, list[str]]:
    script = project.folder / "workflow/scripts/embed.py"
    script.write_text(HOLD.replace("{sees_the_other}", sees_the_other))
    project.run("embed")
    return models_by_device(project)


def test_two_models_use_two_devices_at_once_and_one_in_turn(fresh, monkeypatch):
    fresh.configure(**NO_EXPERIMENTS, protein_backends=MODELS)
    (fresh.folder / "p.faa").write_text(">a\nMKVLAA\n>b\nMSTNPKPQR\n")
    (fresh.folder / "samples.tsv").write_text("sample\tfasta\tmolecule\nset\tp.faa\tprotein\n")
    scripts = fresh.folder / "workflow/scripts"
    (scripts / "embed.py").rename(scripts / "embed_itself.py")
    (scripts / "embed.py").touch(0o755)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("SEQLOOM_LEASES", os.fspath(fresh.folder / "leases"))

    monkeypatch.setenv("SEQLOOM_GPUS", "a,b")
    used = run_with(fresh, "[ -e used_a ] && [ -e used_b ]")
    assert sorted(used.values()) == [["demo_prost_t5"], ["demo_prot_t5"]]

    # Snakemake may start both here too; the lease lets one wait, as the log of that one says.
    for matrix in fresh.folder.glob("results/embeddings/*/whole/set/*"):
        matrix.unlink()
    monkeypatch.setenv("SEQLOOM_GPUS", "a")
    used = run_with(fresh, "grep -qs 'waiting for 1 of 1 GPUs' logs/embed/*/whole/set/*.log")
    assert used == {"a": sorted(MODELS), "b": []}
