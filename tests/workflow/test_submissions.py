"""Jobs that share a cluster submission, with an executor that submits to local processes."""

import os
import subprocess
from pathlib import Path

CONFIG = """\
samples: samples.tsv
cuts: {w300: {window: 300, scheme: virnucpro, frames: virnucpro}}
export: [virnucpro]
"""
GOOD = ">a\n" + "ATGGCTGCTGCTAAAGCTGCTGCAGGC" * 20 + "\n"


def test_a_bad_sample_does_not_stop_others(fresh):
    files = {"good": GOOD, "fine": GOOD, "bad": ">a\nACGT!\n"}
    for name, text in files.items():
        (fresh.folder / f"{name}.fa").write_text(text)
    rows = "".join(f"{name}\t{name}.fa\n" for name in files)
    (fresh.folder / "samples.tsv").write_text(f"sample\tfasta\n{rows}")
    (fresh.folder / "config.yaml").write_text(CONFIG)
    command = fresh.command("--executor", "processes", "--retries", "0", "--latency-wait", "5")
    command = [word.replace("profiles/ci", "profiles/slurm-a6000") for word in command]
    plugins = str(Path(__file__).with_name("plugins"))
    done = subprocess.run(
        command,
        cwd=fresh.folder,
        env=os.environ | {"PYTHONPATH": plugins},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 1, done.stdout
    made = fresh.folder.glob("results/export/virnucpro/w300/*.identified_protein.fa")
    assert sorted(path.name.split(".")[0] for path in made) == ["fine", "good"]
    assert done.stdout.count("error: bad.fa line 2") == 1
    assert "1 of 14 jobs failed:" in done.stdout
