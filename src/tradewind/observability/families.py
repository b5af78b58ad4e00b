"""Families of metrics: values by their labels, of which there are at most so many, ready to be sent as plain lists."""

from collections.abc import Iterable, Sequence
from typing import Any, Self

from tradewind.wire.measured import BUCKETS, COUNTER, GAUGE, HISTOGRAM, bucket_of

OTHER = "_other"
"""In the place of all labels of what came when there was no more room."""

Key = tuple[str, ...]


def family(name: str, kind: str, text: str, series: Iterable[tuple[Sequence[tuple[str, str]], Any]]) -> dict[str, Any]:
    """A family as it is sent: each of its series has (label, value) pairs and a number, or for a histogram the sum and
    the counts of the buckets."""
    return {"name": name, "kind": kind, "help": text, "series": [[list(labels), value] for labels, value in series]}


class _Family:
    """Series by the values of their labels. What is one too many is counted with `OTHER`."""

    kind = ""

    def __init__(self, name: str, text: str, labels: Key, most: int) -> None:
        self.name, self.text, self.labels = name, text, labels
        self._most = most
        self._other = (OTHER,) * len(labels)

    def _place(self, key: Key, known: dict[Key, Any]) -> Key:
        return key if key in known or len(known) < self._most else self._other

    def plain(self) -> dict[str, Any]:
        return family(
            self.name, self.kind, self.text,
            ((tuple(zip(self.labels, key, strict=True)), value) for key, value in self._values().items()),
        )  # fmt: skip

    def _values(self) -> dict[Key, Any]:
        raise NotImplementedError


class Counter(_Family):
    kind = COUNTER

    def __init__(self, name: str, text: str, labels: Key = (), *, most: int) -> None:
        super().__init__(name, text, labels, most)
        self.values: dict[Key, float] = {} if labels else {(): 0}

    def add(self, *key: str, count: float = 1) -> None:
        try:
            self.values[key] += count
        except KeyError:
            place = self._place(key, self.values)
            self.values[place] = self.values.get(place, 0) + count

    def know(self, *key: str) -> None:
        """It may happen: it is shown as 0 from now on, so that the first time is seen as an increase."""
        if len(self.values) < self._most:
            self.values.setdefault(key, 0)

    def _values(self) -> dict[Key, Any]:
        return self.values


class Histogram(_Family):
    """How durations are spread over `BUCKETS`."""

    kind = HISTOGRAM

    def __init__(self, name: str, text: str, labels: Key = (), *, most: int) -> None:
        super().__init__(name, text, labels, most)
        self.sums: dict[Key, float] = {}
        self.counts: dict[Key, list[int]] = {}

    def observe(self, seconds: float, *key: str) -> None:
        counts = self.counts.get(key)
        if counts is None:
            key = self._place(key, self.counts)
            counts = self.counts.setdefault(key, [0] * (len(BUCKETS) + 1))
            self.sums.setdefault(key, 0.0)
        seconds = max(0.0, seconds)  # clocks of workers may be off
        counts[bucket_of(seconds)] += 1
        self.sums[key] += seconds

    def mean(self, *key: str) -> tuple[int, float]:
        """How many there were, and how long they took on average."""
        count = sum(self.counts.get(key, ()))
        return count, self.sums[key] / count if count else 0.0

    def _values(self) -> dict[Key, Any]:
        return {key: [self.sums[key], counts] for key, counts in self.counts.items()}


class Gauges:
    """Gauges that are made for one answer."""

    def __init__(self) -> None:
        self.families: list[dict[str, Any]] = []

    def one(self, name: str, text: str, value: float, kind: str = GAUGE) -> Self:
        """A gauge without labels, or a counter that somebody else keeps."""
        self.families.append(family(name, kind, text, [((), value)]))
        return self

    def many(self, name: str, text: str, labels: Key, values: Iterable[tuple[Key, float]]) -> Self:
        series = ((tuple(zip(labels, key, strict=True)), value) for key, value in values)
        self.families.append(family(name, GAUGE, text, series))
        return self
