"""The picture of a locus: the annotation above the prediction, both strands of each, as SVG."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

WIDTH, LEFT, RIGHT = 1000, 96, 14
_ROW, _BOX, _GAP = 26, 14, 22  # heights of a strand, a box, and the space between both sides
_AGREES, _DIFFERS, _LINE = "#3d7ea6", "#c8553d", "#b8c0ca"
_TICKS = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)


def locus_svg(locus: Mapping[str, Any]) -> str:
    """The picture; the text of a gene appears under the mouse."""
    start, end = locus["start"], locus["end"]
    scale = (WIDTH - LEFT - RIGHT) / (end - start)
    parts, top = [], 6
    for side in ("annotated", "predicted"):
        label = "annotation" if side == "annotated" else str(locus["program"])
        parts.append(f'<text x="0" y="{top + _ROW + 4}" class="side">{escape(label)}</text>')
        for strand in "+-":
            middle = top + _ROW / 2
            sign = "+" if strand == "+" else "\N{MINUS SIGN}"
            parts.append(
                f'<text x="{LEFT - 12}" y="{middle + 4:g}" text-anchor="middle">{sign}</text>'
                f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{middle:g}" y2="{middle:g}" '
                'stroke="#e1e6ec"/>'
            )
            for gene in locus[side]:
                if gene["strand"] == strand:
                    parts.append(_gene(gene, start, end, scale, middle))
            top += _ROW
        top += _GAP
    parts += _axis(start, end, scale, top - _GAP + 6)
    label = f"{locus['contig']}:{start + 1:,}-{end:,}"
    return (
        f'<svg class="locus" viewBox="0 0 {WIDTH} {top + 22}" role="img" '
        f"aria-label={quoteattr('Genes of ' + label)}>{''.join(parts)}</svg>"
    )


def _gene(gene: Mapping[str, Any], start: int, end: int, scale: float, middle: float) -> str:
    """Exons as boxes on a line; the last box in the direction of reading is an arrow.

    A gene that goes on beyond the picture has none there.
    """
    color = _AGREES if gene["agrees"] else _DIFFERS

    def x(base: int) -> float:
        return round(LEFT + (min(max(base, start), end) - start) * scale, 1)

    exons: Sequence[Sequence[int]] = gene["exons"]
    first, last = exons[0][0], exons[-1][1]
    what = f"{gene['name']}: {first + 1:,}-{last:,} ({gene['strand']})"
    drawn = [
        f"<g><title>{escape(what)}</title>",
        f'<line x1="{x(first)}" x2="{x(last)}" y1="{middle:g}" y2="{middle:g}" '
        f'stroke="{color}" stroke-width="1.5"/>',
    ]
    head = exons[-1] if gene["strand"] == "+" else exons[0]
    for exon in exons:
        left, right = x(exon[0]), x(exon[1])
        if right <= left:
            continue  # it lies beyond the locus
        ends_here = exon is head and start <= exon[0] and exon[1] <= end
        tip = min(7.0, right - left) if ends_here else 0.0
        points = _box(left, right, middle, tip, gene["strand"])
        drawn.append(f'<polygon points="{points}" fill="{color}"/>')
    return "".join([*drawn, "</g>"])


def _box(left: float, right: float, middle: float, tip: float, strand: str) -> str:
    low, high = middle + _BOX / 2, middle - _BOX / 2
    if strand == "+":
        corners = [(left, high), (right - tip, high), (right, middle), (right - tip, low)]
        corners.append((left, low))
    else:
        corners = [(right, high), (left + tip, high), (left, middle), (left + tip, low)]
        corners.append((right, low))
    return " ".join(f"{x:.1f},{y:g}" for x, y in corners)


def _axis(start: int, end: int, scale: float, y: int) -> Iterator[str]:
    step = next((tick for tick in _TICKS if (end - start) / tick <= 8), _TICKS[-1])
    yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="{_LINE}"/>'
    for base in range(-(-start // step) * step, end, step):
        x = round(LEFT + (base - start) * scale, 1)
        yield f'<line x1="{x}" x2="{x}" y1="{y}" y2="{y + 5}" stroke="{_LINE}"/>'
        yield f'<text x="{x}" y="{y + 18}" text-anchor="middle">{base:,}</text>'
