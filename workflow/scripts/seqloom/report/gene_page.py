"""The page of gene annotation as self-contained HTML, and its headline as plain text."""

from pathlib import Path
from textwrap import wrap
from typing import Any

import yaml
from markupsafe import Markup

from seqloom.annotate.scores import TOLERANCE
from seqloom.report.gene_data import GeneReport
from seqloom.report.locus_figure import locus_svg
from seqloom.report.page import template

LEVELS = {
    "base": "Bases",
    "exon": "Exons",
    f"exon_within_{TOLERANCE}": f"Exons \N{PLUS-MINUS SIGN}{TOLERANCE}",
    "gene": "Genes",
}
PARTS = ("train", "validation", "test")


def gene_page(report: GeneReport) -> str:
    """The HTML page with all figures embedded."""
    return template("genes.html").render(
        report=report,
        levels=LEVELS,
        parts=[part for part in PARTS if part in report.baked["parts"]],
        charts=_charts(report),
        loci=[(locus, Markup(locus_svg(locus))) for locus in report.loci if locus["contig"]],
        settings=yaml.safe_dump(report.settings, sort_keys=False, allow_unicode=True),
    )


def gene_headline(report: GeneReport, path: Path) -> str:
    """The headline for a terminal: what was baked, the F1 of each program, the path of the page."""
    lines = [report.title, *(f"  Warning: {warning}" for warning in report.warnings)]
    genes = sum(report.baked["genes"].values())
    lines.append(f"  species: {len(report.species)}, genes: {genes:,}")
    lines.append("Baked windows")
    for part in PARTS:
        if sums := report.baked["parts"].get(part):
            lines.append(
                f"  {part:<12}{sums['windows']:>8,} windows, {sums['genes']:,} genes "
                f"({sums['cut']:,} cut), {sums['tokens']:,} tokens"
            )
    if report.training:
        lines += wrap(report.training.worth, 95, subsequent_indent="  ")
    rows = report.score_rows()
    if rows:
        lines.append("Genes by program: F1 of bases, exons and genes; share of gene ends found")
    for row in rows:
        if "gene" in row:
            name = f"{row['sample']} by {row['program']}, {row['part']}"
            f1s = "  ".join(row[level]["f1"] for level in ("base", "exon", "gene"))
            kind = "" if row["biotype"] == "CDS" else f" ({row['biotype']})"
            lines.append(f"  {name:<42}{f1s}  ends {row['gene_end']['recall']}{kind}")
    for card in report.busco:
        lines.append(
            f"  {card['sample']} by {card['program']}: {card['complete']:,} of "
            f"{card['markers']:,} BUSCO markers complete ({card['lineage']})"
        )
    return "\n".join([*lines, f"Report: {path}", ""])


def _charts(report: GeneReport) -> list[tuple[Any, ...]]:
    """Title, picture and legend of each chart of the training."""
    charts = report.training.charts() if report.training else []
    return [(title, Markup(svg), legend) for title, svg, legend in charts]
