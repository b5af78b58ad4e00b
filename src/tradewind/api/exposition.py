"""Families of plain values, as the scheduler sends them, as a page in Prometheus's text format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tradewind.wire.measured import BUCKETS, COUNTER, HISTOGRAM

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_EDGES = (*(f"{edge:g}" for edge in BUCKETS), "+Inf")


def page(families: Iterable[dict[str, Any]]) -> bytes:
    """The page. A family has `name`, `kind`, `help` and `series`: pairs of label and text, and the value; of a
    histogram the value is the sum, and the counts of its buckets. Families without series are left out."""
    return generate_latest(_Collected(families))


class _Collected(Collector):
    def __init__(self, families: Iterable[dict[str, Any]]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return (_metric(family) for family in self._families if family["series"])


def _metric(family: dict[str, Any]) -> Metric:
    name, kind = family["name"], family["kind"]
    stem = name.removesuffix("_total") if kind == COUNTER else name
    metric = Metric(stem, family["help"], kind)
    for pairs, value in family["series"]:
        labels = dict(pairs)
        if kind != HISTOGRAM:
            metric.add_sample(f"{stem}_total" if kind == COUNTER else stem, labels, value)
            continue
        total, counts = value
        upto = list(accumulate(counts))
        for edge, count in zip(_EDGES, upto, strict=True):
            metric.add_sample(f"{stem}_bucket", {**labels, "le": edge}, count)
        metric.add_sample(f"{stem}_sum", labels, total)
        metric.add_sample(f"{stem}_count", labels, upto[-1])
    return metric
