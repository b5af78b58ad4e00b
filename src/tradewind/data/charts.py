"""Charts as inline SVG text: values in, a picture out, nothing to load."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

COLOURS = ("#2f6fde", "#e08a1e", "#2a9d6f", "#b5447a", "#7a6bd1", "#8a8f98")


def stacked_bars(labels: Sequence[str], series: Mapping[str, Sequence[float]], *, unit: str = "") -> str:
    """One bar a label, one colour a series, drawn on top of each other."""
    width, height, left, bottom = 720, 280, 64, 28
    totals = [sum(values[n] for values in series.values()) for n in range(len(labels))]
    top = nice_ceiling(max(totals, default=0))
    plot = height - bottom - 12
    step = (width - left) / max(len(labels), 1)
    shapes = axis(top, width, left, plot, unit)
    for n, label in enumerate(labels):
        base = 12.0 + plot
        x = left + step * n + step * 0.15
        for colour, (name, values) in zip(cycle(len(series)), series.items(), strict=True):
            tall = plot * values[n] / top
            base -= tall
            title = f"{label} {name}: {short(values[n])}{unit}"
            shapes += rectangle(x, base, step * 0.7, tall, colour, title)
        shapes += text(x + step * 0.35, height - 10, label, "middle")
    return svg(width, height, shapes) + legend(list(series))


def bars(values: Mapping[str, float], *, colour: str = COLOURS[0], digits: int = 0) -> str:
    """Horizontal bars, one a name, with the number at the end."""
    width, row, left = 720, 28, 190
    top = max(values.values(), default=0) or 1
    shapes = ""
    for n, (name, value) in enumerate(values.items()):
        y = row * n + 4
        wide = (width - left - 90) * value / top
        shapes += text(left - 10, y + 15, name, "end")
        shapes += rectangle(left, y, max(wide, 1), row - 8, colour, f"{name}: {value:,.{digits}f}")
        shapes += text(left + wide + 8, y + 15, f"{value:,.{digits}f}", "start")
    return svg(width, row * max(len(values), 1) + 4, shapes)


def lines(labels: Sequence[str], series: Mapping[str, Sequence[float | None]], *, unit: str = "") -> str:
    """One line a series over ordered labels; a missing value leaves a gap."""
    width, height, left, bottom = 720, 240, 64, 28
    known = [value for values in series.values() for value in values if value is not None]
    low = min(0.0, -nice_ceiling(-min(known, default=0)) if known and min(known) < 0 else 0.0)
    top = nice_ceiling(max(known, default=0))
    plot = height - bottom - 12
    shapes = axis(top, width, left, plot, unit, low)
    step = (width - left - 8) / max(len(labels) - 1, 1)
    for colour, values in zip(cycle(len(series)), series.values(), strict=True):
        for piece in _pieces(values):
            points = " ".join(
                f"{left + step * n:.1f},{12 + plot * (top - value) / (top - low):.1f}" for n, value in piece
            )
            shapes += f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    every = max(1, len(labels) // 6)
    for n in range(0, len(labels), every):
        shapes += text(left + step * n, height - 10, labels[n], "middle" if n else "start")
    return svg(width, height, shapes) + legend(list(series))


def gauge(score: float, minimum: float) -> str:
    """A score from 0 to 100 as a ring, in the colour of its verdict."""
    share = max(0.0, min(score, 100.0)) / 100
    colour = COLOURS[2] if score >= minimum else "#c8442f"
    around = 2 * math.pi * 52
    ring = '<circle cx="70" cy="70" r="52" fill="none" stroke="{}" stroke-width="14" {}/>'
    shapes = ring.format("#8884", "")
    shapes += ring.format(colour, f'stroke-dasharray="{around * share:.1f} {around:.1f}" transform="rotate(-90 70 70)"')
    shapes += f'<text x="70" y="78" text-anchor="middle" class="big">{score:.1f}</text>'
    return svg(140, 140, shapes)


def nice_ceiling(value: float) -> float:
    """The next number of the form 1, 2, 2.5 or 5 times a power of ten; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * 0.999999)


def short(value: float) -> str:
    """`12.3 M` for 12,300,000."""
    for limit, suffix in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{suffix}"
    return f"{value:.3g}"


def axis(top: float, width: int, left: int, plot: int, unit: str, low: float = 0.0) -> str:
    """Horizontal grid lines with numbers."""
    shapes = ""
    for n in range(5):
        value = low + (top - low) * n / 4
        y = 12 + plot * (1 - n / 4)
        shapes += f'<line x1="{left}" x2="{width}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
        shapes += text(left - 8, y + 4, short(value) + unit, "end")
    return shapes


def rectangle(x: float, y: float, width: float, height: float, colour: str, title: str) -> str:
    size = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {size} fill="{colour}" rx="2"><title>{escape(title)}</title></rect>'


def text(x: float, y: float, content: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(content)}</text>'


def svg(width: int, height: float, shapes: str) -> str:
    return f'<svg viewBox="0 0 {width} {height:.0f}" width="{width}" role="img">{shapes}</svg>'


def legend(names: Sequence[str]) -> str:
    items = "".join(
        f'<span><i style="background:{colour}"></i>{escape(name)}</span>'
        for colour, name in zip(cycle(len(names)), names, strict=True)
    )
    return f'<p class="legend">{items}</p>'


def cycle(count: int) -> list[str]:
    return [COLOURS[n % len(COLOURS)] for n in range(count)]


def _pieces(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    pieces: list[list[tuple[int, float]]] = [[]]
    for n, value in enumerate(values):
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append((n, value))
    return [piece for piece in pieces if piece]
