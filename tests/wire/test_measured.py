"""Measured values add up as their kind says, whatever order they come in, and never without bound."""

from __future__ import annotations

import math

import pytest

from tradewind.data import monitoring
from tradewind.wire.frames import Frames, pack
from tradewind.wire.measured import BUCKETS, Measurements, Sample, bucket_of
from tradewind.wire.messages import Measured

API = {"data_source": "api"}


def test_counters_are_added_gauges_replaced_and_durations_spread() -> None:
    kept = Measurements(10)
    for value in (1, 2):
        kept.record("rows_total", "counter", value, API)
        kept.record("score", "gauge", value, API)
        kept.record("work_seconds", "histogram", value * 10, API)
    counter, gauge, histogram = kept
    assert (counter.value, gauge.value, histogram.value) == (3, 2, 30)
    assert sum(histogram.buckets) == 2
    assert histogram.buckets[BUCKETS.index(10.0)] == histogram.buckets[BUCKETS.index(30.0)] == 1


def test_what_is_handed_on_adds_up_to_the_same() -> None:
    whole, parts = Measurements(10), Measurements(10)
    for value in range(5):
        child = Measurements(10)
        for each in (whole, child):
            each.record("rows_total", "counter", value, API)
            each.record("work_seconds", "histogram", value, API)
        [message] = Frames().feed(pack(Measured(samples=child.take())))
        assert isinstance(message, Measured)
        parts.merge(message.samples)
        assert len(child) == 0
    assert [(s.name, s.value, s.buckets) for s in parts] == [(s.name, s.value, s.buckets) for s in whole]


def test_there_is_room_for_so_many_series_and_the_oldest_makes_room() -> None:
    kept = Measurements(3)
    for name in ("a", "b", "c", "a", "d"):
        kept.record("rows_total", "counter", 1, {"source": name})
    assert [dict(sample.labels)["source"] for sample in kept] == ["c", "a", "d"]
    assert kept.forgotten == 1


def test_a_gauge_that_nobody_renews_is_forgotten_and_a_counter_is_not() -> None:
    kept = Measurements(10)
    kept.record("score", "gauge", 1, {}, now=100.0)
    kept.record("rows_total", "counter", 1, {}, now=100.0)
    kept.record("fresh", "gauge", 1, {}, now=200.0)
    kept.forget_gauges(150.0)
    assert [sample.name for sample in kept] == ["rows_total", "fresh"]


@pytest.mark.parametrize(
    "sample",
    [
        Sample("x_total", (), "counter", -1.0),
        Sample("x", (), "gauge", math.nan),
        Sample("x_seconds", (), "histogram", 1.0, [1]),
        Sample("x_seconds", (), "histogram", math.inf, [0] * (len(BUCKETS) + 1)),
        Sample("x", (), "nonsense", 1.0),
    ],
)
def test_what_cannot_be_is_left_out(sample: Sample) -> None:
    kept = Measurements(10)
    kept.merge([sample])
    assert len(kept) == 0


def test_names_are_made_fit_for_prometheus() -> None:
    kept = Measurements(10)
    kept.record("rows-of.π", "gauge", 1, {"__name__": "x", "1st": "y" * 999, "ok": "z"})
    [sample] = kept
    assert sample.name == "rows_of__"
    assert sample.labels == (("l1st", "y" * 200), ("name__", "x"), ("ok", "z"))


def test_the_machines_own_values_get_the_name_of_the_worker() -> None:
    kept = Measurements(10)
    for worker in ("one", "two"):
        child = Measurements(10)
        child.record("load_average", "gauge", 1, {})
        child.record("score", "gauge", 1, {})
        kept.merge(child.take(), extra={"load_average": (("worker", worker),)})
    assert {(s.name, s.labels) for s in kept} == {
        ("load_average", (("worker", "one"),)),
        ("load_average", (("worker", "two"),)),
        ("score", ()),
    }


def test_buckets_are_those_of_the_toolkit_and_their_edges_belong_to_them() -> None:
    assert tuple(map(float, monitoring.SECONDS)) == BUCKETS
    assert bucket_of(0) == 0
    assert bucket_of(3600) == BUCKETS.index(3600.0)
    assert bucket_of(1e9) == len(BUCKETS)
