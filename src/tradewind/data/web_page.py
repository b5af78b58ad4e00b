"""One self-contained HTML page from titled sections: style inside, nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

_STYLE = """
:root { color-scheme: light dark; --line: #8883; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 780px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
.sub { opacity: .7; margin: .2rem 0 1.5rem; overflow-wrap: anywhere }
.facts { display: flex; flex-wrap: wrap; gap: .6rem }
.facts div { background: var(--soft); border-radius: 8px; padding: .6rem 1rem; min-width: 8rem }
.facts b { display: block; font-size: 1.25rem } .facts span { opacity: .7 }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .25rem .5rem;
border-bottom: 1px solid var(--line) } td.n { text-align: right; font-variant-numeric: tabular-nums }
svg { max-width: 100%; height: auto } svg text { font-size: 11px; fill: currentColor } svg .big { font-size: 24px }
svg .grid { stroke: var(--line) } .legend span { margin-right: 1rem } .legend i { display: inline-block;
width: .7em; height: .7em; margin-right: .4em; border-radius: 2px } .bad { color: #c8442f; font-weight: 600 }
"""


def page(title: str, subtitle: str, sections: Sequence[tuple[str, str]]) -> str:
    """A page; each section is a heading and ready HTML, the texts are escaped."""
    body = "".join(f"<h2>{escape(heading)}</h2>\n{content}\n" if heading else content for heading, content in sections)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>\n'
        f'<body><h1>{escape(title)}</h1><p class="sub">{escape(subtitle)}</p>\n{body}</body></html>\n'
    )


def facts(values: Mapping[str, str]) -> str:
    """Big numbers side by side."""
    items = "".join(f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in values.items())
    return f'<div class="facts">{items}</div>'


def table(header: Sequence[str], rows: Sequence[Sequence[object]], *, bad: Sequence[int] = ()) -> str:
    """A table; numbers to the right, the rows listed in `bad` stand out."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(_row(row, n in bad) for n, row in enumerate(rows))
    return f"<table><tr>{head}</tr>{body}</table>"


def _row(row: Sequence[object], bad: bool) -> str:
    return f"<tr{' class=bad' if bad else ''}>{''.join(map(_cell, row))}</tr>"


def _cell(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f'<td class="n">{value:,}</td>'
    if isinstance(value, float):
        return f'<td class="n">{value:,.2f}</td>'
    return f"<td>{escape(str(value))}</td>"
