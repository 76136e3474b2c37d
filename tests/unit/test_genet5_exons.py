"""A small model learns from some 1,500 windows to find exons that it has not seen.

It trains for about a minute of a core.
"""

import csv
import os
import subprocess
import sys
from pathlib import Path

from baked_run import SPECIES, write_baked_run

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
SIZES = ["--width", 64, "--layers", 2, "--heads", 4, "--inner", 128]
RECIPE = ["--steps", 300, "--batch", 8, "--tokens-per-batch", 8192, "--lr", 1e-3]
RECIPE += ["--smoothing", 0, "--evaluate-every", 300, "--evaluate-windows", 100]


def run(script, *options):
    command = [sys.executable, SCRIPTS / script, *options]
    variables = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    job = subprocess.run(list(map(str, command)), env=variables, capture_output=True, text=True)
    assert job.returncode == 0, job.stderr


def test_exons_of_unseen_windows_are_found_after_a_short_training(tmp_path):
    baked, model, out = tmp_path / "baked", tmp_path / "model", tmp_path / "out"
    write_baked_run(baked, 1, genes=400, contigs=6)
    run("init_genet5.py", "--baked", baked, *SIZES, "--out", model)
    run("sft.py", "--model", model, "--baked", baked, "--species", SPECIES, *RECIPE, "--out", out)
    with open(out / "eval_log.csv") as file:
        [*_, last] = csv.DictReader(file)
    assert int(last["num_samples"]) == 100
    assert float(last["exon_f1"]) > 0.2
