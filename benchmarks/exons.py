#!/usr/bin/env python3
"""How well a small GeneT5 finds exons that it has not seen, while it trains on a made-up genome.

    python benchmarks/exons.py FOLDER

One thread, 4,000 steps of 8 windows of at most 1,500 bp with genes on both strands and up to two
introns. FOLDER/out/eval_log.csv is the curve, on 100 windows of a contig that is held out.
"""

import argparse
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPTS = REPOSITORY / "workflow" / "scripts"
sys.path[:0] = map(str, (SCRIPTS, REPOSITORY / "tests" / "unit"))

from baked_run import SPECIES, write_baked_run  # noqa: E402

GENES, CONTIGS = 2500, 9
SHAPE = "--width 96 --layers 3 --decoder-layers 3 --heads 4 --inner 192"
RECIPE = "--steps 4000 --batch 8 --tokens-per-batch 8192 --lr 1e-3 --warmup 0.05 --smoothing 0"
RECIPE += " --evaluate-every 400 --evaluate-windows 100 --threads 1"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="made by the first run; a second one goes on")
    folder = parser.parse_args().folder
    baked, model = folder / "baked", folder / "model"
    if not folder.exists():
        write_baked_run(baked, 1, GENES, CONTIGS)
        ours("init_genet5.py", "--baked", baked, *SHAPE.split(), "--out", model)
    words = ("--model", model, "--baked", baked, "--species", SPECIES, "--out", folder / "out")
    ours("sft.py", *words, *RECIPE.split())


def ours(script: str, *words: object) -> None:
    subprocess.run([sys.executable, SCRIPTS / script, *map(str, words)], check=True)


if __name__ == "__main__":
    main()
