"""The report as one self-contained HTML page, and its headline as plain text."""

import base64
from pathlib import Path
from typing import Any

import jinja2
import yaml

from seqloom.report.data import CALLS, Experiment, Report, by_level

MISSING = "-"
# Size of the plot inside the training chart, in SVG units.
CHART = (300.0, 260.0)


def page(report: Report) -> str:
    """The HTML page with all figures embedded."""
    return template("template.html").render(
        report=report,
        levels=by_level(report.comparison),
        charts={e.name: training_chart(e) for e in report.experiments},
        settings=yaml.safe_dump(report.settings, sort_keys=False, allow_unicode=True),
        calls=CALLS,
    )


def template(name: str) -> jinja2.Template:
    """A template of this folder, with our filters; values are escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {f.__name__: f for f in (count, short, score, percent, change, image)}
    return environment.get_template(name)


def headline(report: Report, path: Path) -> str:
    """The headline for a terminal: the main results, and the path of the report."""
    bases = sum(sample["bases"] for sample in report.samples)
    lines = [report.title, *(f"  Warning: {warning}" for warning in report.warnings)]
    lines.append(f"  samples: {len(report.samples)}, bases and residues: {bases:,}")
    if report.random:
        lines.append("  Random weights: these numbers show the plumbing, not biology.")
    levels = by_level(report.comparison)
    if levels:
        lines.append("AUROC by contig, on contigs that no training has seen")
    for row in levels.get("contig", []):
        name = f"{row['experiment']} ({row['fusion']})"
        ends = (score(row[key]) for key in ("auroc_low", "auroc_high"))
        note = row["note"] or f"95 %: {' to '.join(ends)}"
        lines.append(f"  {name:<30}{score(row['auroc'])} ({row['n']} contigs; {note})")
    if report.predictions:
        lines.append("Calls")
    for p in report.predictions:
        counts = ", ".join(f"{p.summary['contigs'][call]:,} {call}" for call in CALLS)
        lines.append(f"  contigs of {p.sample} by {p.experiment}: {counts}")
    if report.proteins:
        lines.append("Protein sets")
    for s in report.proteins:
        others = {
            "in pieces": s.in_pieces,
            "read again in a wider dtype": s.read_again,
            "failed": s.failed,
            "without a known residue": s.unknown,
        }
        counts = f"{s.embedded:,} of {s.records:,} records embedded"
        counts += "".join(f", {number:,} {what}" for what, number in others.items() if number)
        lines.append(f"  {s.sample} by {s.backend}: {counts}")
    return "\n".join([*lines, f"Report: {path}", ""])


def training_chart(experiment: Experiment) -> dict[str, Any]:
    """Polylines of the two losses and the point of the best epoch, in units of CHART."""
    epochs = [int(row["epoch"]) for row in experiment.history]
    losses = {
        name: [float(row[name]) for row in experiment.history]
        for name in ("train_loss", "validation_loss")
    }
    low, high = min(map(min, losses.values())), max(map(max, losses.values()))
    width, height = CHART

    def place(epoch: int, loss: float) -> tuple[float, float]:
        x = (epoch - epochs[0]) / max(epochs[-1] - epochs[0], 1)
        y = (high - loss) / ((high - low) or 1.0)
        return round(x * width, 1), round(y * height, 1)

    best = experiment.card["best_epoch"]
    return {
        "lines": {
            name: " ".join(f"{x},{y}" for x, y in map(place, epochs, values))
            for name, values in losses.items()
        },
        "best": place(best, losses["validation_loss"][epochs.index(best)]),
        "epochs": epochs,
        "low": low,
        "high": high,
    }


def image(svg: bytes) -> str:
    """A figure as a data URI, so that it runs no scripts and its ids stay separate."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def count(value: Any) -> str:
    return f"{int(value):,}" if value not in ("", None) else MISSING


def short(value: int) -> str:
    """A number such as `365.1 M`; below ten thousand in full."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= max(size, 1e4):
            return f"{value / size:.1f} {letter}"
    return count(value)


def score(value: Any) -> str:
    return f"{float(value):.3f}" if value not in ("", None) else MISSING


def change(value: float) -> str:
    return f"{100 * value:+.1f} %"


def percent(value: Any) -> str:
    return f"{100 * float(value):.1f} %" if value not in ("", None) else MISSING
