#!/usr/bin/env python3
"""Write what was baked, and how the genes of other programs compare, to one HTML page."""

import argparse
import json
from pathlib import Path

from seqloom.cli import parser, run
from seqloom.files.atomic import atomic_all
from seqloom.report.gene_data import read_gene_report
from seqloom.report.gene_page import gene_headline, gene_page


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--title", required=True)
    options.add_argument(
        "--species", type=Path, nargs="+", required=True, help="folders of bake.py"
    )
    options.add_argument("--baked", type=Path, required=True, help="folder of bake_set.py")
    options.add_argument("--scores", type=Path, required=True, help="of join_gene_scores.py")
    options.add_argument("--cards", type=Path, nargs="+", default=[], help="of predictions: .json")
    options.add_argument("--loci", type=Path, nargs="+", default=[], help="of evaluate_genes.py")
    options.add_argument("--busco", type=Path, nargs="+", default=[], help="of check_busco.py")
    options.add_argument("--stages", type=Path, nargs="+", default=[], help="of GeneT5: folders")
    options.add_argument("--simulated", action="store_true", help="the genomes are not real")
    options.add_argument("--settings", type=json.loads, default={}, help="section annotate, JSON")
    options.add_argument("--out", type=Path, required=True, help="HTML to write")
    options.add_argument("--summary", type=Path, required=True, help="its headline as plain text")
    return options


def main(args: argparse.Namespace) -> None:
    given = {name: value for name, value in vars(args).items() if name not in ("out", "summary")}
    report = read_gene_report(**given)
    with atomic_all([args.out, args.summary]) as [html, text]:
        html.write_text(gene_page(report), encoding="utf-8")
        text.write_text(gene_headline(report, args.out), encoding="utf-8")


if __name__ == "__main__":
    run(main, arguments())
