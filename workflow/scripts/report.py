#!/usr/bin/env python3
"""Write samples, experiments, comparison and calls to one self-contained HTML page."""

import argparse
import json
from pathlib import Path

from seqloom.cli import parser, run
from seqloom.files.atomic import atomic_all
from seqloom.files.json_files import read_json
from seqloom.report.data import (
    Report,
    read_experiments,
    read_figure,
    read_predictions,
    read_protein_sets,
)
from seqloom.report.page import headline, page
from seqloom.report.samples import calls_table, multiqc_table


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--title", required=True)
    options.add_argument("--genomes", type=Path, nargs="+", required=True, help="JSON per sample")
    options.add_argument("--evaluations", type=Path, nargs="+", default=[], help="folders")
    options.add_argument("--classifiers", type=Path, nargs="+", default=[], help="folders")
    options.add_argument("--audits", type=Path, nargs="+", default=[], help="EXPERIMENT.audit.tsv")
    options.add_argument("--comparison", type=Path, help="comparison.json")
    options.add_argument("--figure", type=Path, help="comparison.svg")
    options.add_argument(
        "--predictions", type=Path, nargs="+", default=[], help="folders EXPERIMENT/SAMPLE"
    )
    options.add_argument(
        "--records", type=Path, nargs="+", default=[], help="of protein sets: BACKEND/SAMPLE.tsv"
    )
    options.add_argument(
        "--models", type=Path, nargs="+", default=[], help="model.json of each of these backends"
    )
    options.add_argument("--settings", type=json.loads, default={}, help="the configuration, JSON")
    options.add_argument("--out", type=Path, required=True, help="HTML to write")
    options.add_argument("--summary", type=Path, required=True, help="its headline as plain text")
    options.add_argument("--calls", type=Path, required=True, help="TSV, a row per prediction")
    options.add_argument("--multiqc", type=Path, required=True, help="the same for MultiQC")
    return options


def main(args: argparse.Namespace) -> None:
    report = Report(
        title=args.title,
        samples=[read_json(path) for path in args.genomes],
        experiments=read_experiments(args.evaluations, args.classifiers, args.audits),
        comparison=read_json(args.comparison)["rows"] if args.comparison else [],
        figure=read_figure(args.figure) if args.figure else None,
        predictions=read_predictions(args.predictions),
        proteins=read_protein_sets(args.records),
        protein_models=[read_json(path) for path in args.models],
        settings=args.settings,
    )
    outputs = [args.out, args.summary, args.calls, args.multiqc]
    with atomic_all(outputs) as [html, text, calls, multiqc]:
        html.write_text(page(report), encoding="utf-8")
        text.write_text(headline(report, args.out), encoding="utf-8")
        calls.write_text(calls_table(report.predictions), encoding="utf-8")
        multiqc.write_text(multiqc_table(report.predictions), encoding="utf-8")


if __name__ == "__main__":
    run(main, arguments())
