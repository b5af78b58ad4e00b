"""Prometheus's text format: families of plain values in, a page out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

from tradewind.wire.measured import BUCKETS, HISTOGRAM

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_EDGES = (*(f"{edge:g}" for edge in BUCKETS), "+Inf")


def page(families: Iterable[dict[str, Any]]) -> bytes:
    """The page. A family has `name`, `kind`, `help` and `series`: pairs of label and text, and the value; of a
    histogram the value is the sum, and the counts of its buckets. Families without series are left out."""
    lines: list[str] = []
    for family in families:
        if family["series"]:
            lines += _lines(family)
    return ("\n".join(lines) + "\n").encode()


def _lines(family: dict[str, Any]) -> Iterable[str]:
    name, kind = family["name"], family["kind"]
    yield f"# HELP {name} {_escaped(family['help'])}"
    yield f"# TYPE {name} {kind}"
    for labels, value in family["series"]:
        text = ",".join(f'{label}="{_quoted(words)}"' for label, words in labels)
        if kind != HISTOGRAM:
            yield f"{name}{{{text}}} {_number(value)}" if text else f"{name} {_number(value)}"
            continue
        total, counts = value
        before = f"{text}," if text else ""
        upto = list(accumulate(counts))
        for edge, count in zip(_EDGES, upto, strict=True):
            yield f'{name}_bucket{{{before}le="{edge}"}} {count}'
        around = f"{{{text}}}" if text else ""
        yield f"{name}_sum{around} {_number(total)}"
        yield f"{name}_count{around} {upto[-1]}"


def _number(value: float) -> str:
    if isinstance(value, float) and not value.is_integer():
        return repr(value) if math.isfinite(value) else "NaN"
    return str(int(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
