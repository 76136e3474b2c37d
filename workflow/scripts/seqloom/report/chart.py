"""A chart of one or two lines as SVG, in the style of the page."""

from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 300.0, 200.0
COLORS = ("#1f6f8b", "#c8553d")
_FEW = 30  # so many points are marked one by one


def chart_svg(title: str, lines: Sequence[Points], unit: str) -> str:
    """Lines over one axis of steps, which may lack points."""
    points = [point for line in lines for point in line]
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    low, high = min(y for _, y in points), max(y for _, y in points)

    def place(point: tuple[float, float]) -> tuple[str, str]:
        x = (point[0] - first) / ((last - first) or 1)
        y = (high - point[1]) / ((high - low) or 1)
        return f"{x * _WIDTH:.1f}", f"{y * _HEIGHT:.1f}"

    parts = [f'<line x1="0" x2="{_WIDTH}" y1="{_HEIGHT}" y2="{_HEIGHT}" stroke="#b8c0ca"/>']
    for line, color in zip(lines, COLORS, strict=False):
        places = [place(point) for point in line]
        drawn = " ".join(map(",".join, places))
        parts.append(f'<polyline stroke="{color}" points="{drawn}"/>')
        if len(places) <= _FEW:
            parts += [f'<circle cx="{x}" cy="{y}" r="2.5" fill="{color}"/>' for x, y in places]
    texts = [(-6, 8, "end", f"{high:.3g}"), (-6, _HEIGHT, "end", f"{low:.3g}")]
    texts += [(0, 216, "start", f"{first:.0f}"), (_WIDTH, 216, "end", f"{last:.0f} {unit}")]
    parts += [f'<text x="{x}" y="{y}" text-anchor="{at}">{t}</text>' for x, y, at, t in texts]
    return (
        f'<svg class="chart" viewBox="-46 -10 352 232" role="img" aria-label={quoteattr(title)}>'
        f"{''.join(parts)}</svg>"
    )
