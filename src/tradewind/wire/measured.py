"""Measured values on their way from tasks to whoever shows them, added up as their kind says.

A counter's values are added, a gauge's newest holds, and of a duration the distribution is kept, in `BUCKETS`.
"""

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping

import msgspec

BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0)
"""Upper edges in seconds; what is longer is in one more."""

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
MOST_LABELS, LONGEST_LABEL, LONGEST_NAME = 12, 200, 200
_UNFIT = re.compile(r"[^a-zA-Z0-9_]")

Labels = tuple[tuple[str, str], ...]


class Sample(msgspec.Struct, array_like=True):
    """One series: of a counter what is to be added, of a gauge the newest value, of a histogram the sum of what was
    observed, and how much fell into each bucket."""

    name: str
    labels: Labels
    kind: str
    value: float
    buckets: list[int] = []


class Measurements:
    """Series by name and labels, at most `most`: the one that was not heard of for longest makes room.

    What comes from tasks is not trusted: a value that cannot be is left out, and names are made fit.
    """

    def __init__(self, most: int) -> None:
        self.forgotten = 0
        """Series that had to make room."""
        self._most = most
        self._series: dict[tuple[str, Labels], Sample] = {}
        self._at: dict[tuple[str, Labels], float] = {}

    def __len__(self) -> int:
        return len(self._series)

    def record(self, name: str, kind: str, value: float, labels: Mapping[str, str], now: float = 0.0) -> None:
        """One value that was measured."""
        buckets: list[int] = []
        if kind == HISTOGRAM:
            buckets = [0] * (len(BUCKETS) + 1)
            buckets[bucket_of(value)] = 1
        self._add(Sample(name, tuple(sorted(labels.items())), kind, value, buckets), now)

    def merge(self, samples: Iterable[Sample], now: float = 0.0, extra: Mapping[str, Labels] | None = None) -> None:
        """What others have added up. `extra` are further labels, by the name of the metric that gets them."""
        for sample in samples:
            if extra and (more := extra.get(sample.name)):
                sample.labels = (*sample.labels, *more)
            self._add(sample, now)

    def take(self) -> list[Sample]:
        """Everything, which is forgotten with that."""
        taken = list(self._series.values())
        self._series.clear()
        self._at.clear()
        return taken

    def forget_gauges(self, before: float) -> None:
        """Values that nobody has renewed since then are no longer what is."""
        old = [key for key, at in self._at.items() if at < before and self._series[key].kind == GAUGE]
        for key in old:
            del self._series[key], self._at[key]

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._series.values())

    def _add(self, sample: Sample, now: float) -> None:
        value, kind = sample.value, sample.kind
        if not math.isfinite(value) or (kind != GAUGE and value < 0) or kind not in (COUNTER, GAUGE, HISTOGRAM):
            return
        if kind == HISTOGRAM and len(sample.buckets) != len(BUCKETS) + 1:
            return
        sample.name = _UNFIT.sub("_", sample.name)[:LONGEST_NAME]
        sample.labels = _fit(sample.labels)
        key = sample.name, sample.labels
        known = self._series.pop(key, None)
        if known is not None and known.kind == kind and kind != GAUGE:
            sample.value += known.value
            sample.buckets = [a + b for a, b in zip(sample.buckets, known.buckets, strict=True)]
        # Put in anew, it is the youngest: the first is the one that was not heard of for longest.
        self._series[key] = sample
        self._at[key] = now
        if len(self._series) > self._most:
            oldest = next(iter(self._series))
            del self._series[oldest], self._at[oldest]
            self.forgotten += 1


def bucket_of(seconds: float) -> int:
    """The place of a duration among the buckets."""
    return bisect_left(BUCKETS, seconds)


def _fit(labels: Labels) -> Labels:
    """Labels as Prometheus takes them: each name once, in order, and none of those that it keeps for itself."""
    fit = {_label_name(name): text[:LONGEST_LABEL] for name, text in labels[:MOST_LABELS]}
    return tuple(sorted(fit.items()))


def _label_name(name: str) -> str:
    name = _UNFIT.sub("_", name)[:LONGEST_NAME].lstrip("_") or "label"
    return f"l{name}" if name[0].isdigit() else name
