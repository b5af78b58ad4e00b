"""Mappers as values: keys, dates and needs. The expected values are those of Airflow 3.3."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.core.partition_mappers import UnfitPartition, mapper_of

AT = "2024-03-13T10:42:15"
FORMATS = {
    "hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "week": "%Y-%m-%d (W%V)", "month": "%Y-%m",
    "quarter": "%Y-Q{quarter}", "year": "%Y",
}  # fmt: skip
IDENTITY = {"kind": "identity"}


def start_of(unit: str, **given: Any) -> dict[str, Any]:
    said = {"timezone": "UTC", "input_format": "%Y-%m-%dT%H:%M:%S", "output_format": FORMATS[unit]}
    return {"kind": "start_of", "unit": unit, **said, **given}


def fan_out(unit: str, window: str, to: dict[str, Any], *, backward: bool = False) -> dict[str, Any]:
    members = {"kind": window, "backward": backward}
    return {"kind": "fan_out", "upstream": start_of(unit), "window": members, "downstream": to}


def rollup(upstream: dict[str, Any], window: str, **given: Any) -> dict[str, Any]:
    return {"kind": "rollup", "upstream": upstream, "window": {"kind": window, "backward": False}, **given}


SEGMENTS = {"kind": "segments", "segments": ["apac", "eu", "us"]}
REGIONS = {"kind": "rollup", "upstream": {"kind": "fixed", "key": "all"}, "window": SEGMENTS}


@pytest.mark.parametrize(
    ("unit", "key", "date"),
    [
        ("hour", "2024-03-13T10", datetime(2024, 3, 13, 10, tzinfo=UTC)),
        ("day", "2024-03-13", datetime(2024, 3, 13, tzinfo=UTC)),
        ("week", "2024-03-11 (W11)", datetime(2024, 3, 11, tzinfo=UTC)),
        ("month", "2024-03", datetime(2024, 3, 1, tzinfo=UTC)),
        ("quarter", "2024-Q1", datetime(2024, 1, 1, tzinfo=UTC)),
        ("year", "2024", datetime(2024, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_moment_is_for_the_period_in_which_it_lies(unit: str, key: str, date: datetime) -> None:
    mapper = mapper_of(start_of(unit))
    assert mapper.downstream(AT) == (key,)
    assert mapper.date(key) == date
    assert mapper.needs(key) is None


def test_periods_follow_the_clocks_of_their_zone() -> None:
    mapper = mapper_of(start_of("day", timezone="Asia/Seoul", input_format="%Y-%m-%dT%H:%M:%S%z"))
    assert mapper.downstream("2024-03-13T20:42:15+0000") == ("2024-03-14",)
    assert mapper.date("2024-03-14") == datetime(2024, 3, 13, 15, tzinfo=UTC)
    assert mapper.encode(datetime(2024, 3, 14)) == "2024-03-14T00:00:00+0900"


def test_a_week_that_crosses_the_year_is_named_for_its_monday() -> None:
    assert mapper_of(start_of("week")).downstream("2025-01-02T00:00:00") == ("2024-12-30 (W01)",)


def test_a_quarter_may_be_written_in_another_way() -> None:
    mapper = mapper_of(start_of("quarter", output_format="Q{quarter} of %Y"))
    assert mapper.downstream(AT) == ("Q1 of 2024",)
    assert mapper.date("Q3 of 2024") == datetime(2024, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("data", "key", "expected"),
    [
        (IDENTITY, "any thing", ("any thing",)),
        ({"kind": "fixed", "key": "all"}, "us", ("all",)),
        ({"kind": "allowed", "keys": ["us", "eu"]}, "eu", ("eu",)),
        ({"kind": "product", "mappers": [IDENTITY, start_of("day")], "delimiter": "|"}, f"us|{AT}", ("us|2024-03-13",)),
        ({"kind": "chain", "mappers": [start_of("hour"), start_of("day", input_format=FORMATS["hour"])]}, AT,
         ("2024-03-13",)),
        (fan_out("week", "week", start_of("day")), AT, tuple(f"2024-03-{day}" for day in range(11, 18))),
        (fan_out("week", "week", start_of("day"), backward=True), AT, tuple(f"2024-03-{d:02}" for d in range(5, 12))),
        (fan_out("month", "month", start_of("day"), backward=True), AT,
         (*(f"2024-02-{day:02}" for day in range(2, 30)), "2024-03-01")),
        (fan_out("quarter", "quarter", start_of("month"), backward=True), AT, ("2023-11", "2023-12", "2024-01")),
        (fan_out("year", "year", start_of("month")), AT, tuple(f"2024-{month:02}" for month in range(1, 13))),
        (fan_out("day", "day", start_of("hour")), AT, tuple(f"2024-03-13T{hour:02}" for hour in range(24))),
        (fan_out("hour", "hour", IDENTITY), AT, tuple(f"2024-03-13T10:{minute:02}:00" for minute in range(60))),
        ({"kind": "fan_out", "upstream": IDENTITY, "window": SEGMENTS, "downstream": IDENTITY}, "x",
         ("apac", "eu", "us")),
    ],
)  # fmt: skip
def test_what_a_partition_of_the_asset_is_for(data: dict[str, Any], key: str, expected: tuple[str, ...]) -> None:
    assert mapper_of(data).downstream(key) == expected


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (start_of("day"), "nonsense"),
        (start_of("year", input_format="%Y-%m-%dT%H:%M:%S"), "2024-03-13T10"),
        ({"kind": "allowed", "keys": ["us"]}, "eu"),
        ({"kind": "product", "mappers": [IDENTITY, start_of("day")], "delimiter": "|"}, "us"),
        ({"kind": "product", "mappers": [fan_out("day", "day", start_of("hour")), IDENTITY], "delimiter": "|"},
         f"{AT}|x"),
        (fan_out("day", "month", start_of("day")), AT),
    ],
)  # fmt: skip
def test_a_key_that_fits_nothing_is_said_to(data: dict[str, Any], key: str) -> None:
    with pytest.raises(UnfitPartition):
        mapper_of(data).downstream(key)


@pytest.mark.parametrize("unit", ["week", "quarter", "day", "year"])
def test_a_key_of_the_dag_that_stands_for_no_period_is_said_to(unit: str) -> None:
    with pytest.raises(UnfitPartition):
        mapper_of(start_of(unit)).date("2024-13-99")


def test_dates_come_from_the_part_that_has_one() -> None:
    product = {"kind": "product", "mappers": [IDENTITY, start_of("day")], "delimiter": "|"}
    assert mapper_of(product).date("us|2024-03-13") == datetime(2024, 3, 13, tzinfo=UTC)
    both = {"kind": "product", "mappers": [start_of("day"), start_of("day")], "delimiter": "|"}
    assert mapper_of(both).date("2024-03-13|2024-03-14") is None
    assert mapper_of(product).date("us") is None
    assert mapper_of(fan_out("week", "week", start_of("day"))).date("2024-03-13") == datetime(2024, 3, 13, tzinfo=UTC)
    assert mapper_of(REGIONS).date("all") is None


@pytest.mark.parametrize(
    ("data", "key", "count", "first", "last"),
    [
        (rollup(start_of("day"), "day"), "2024-03-10", 24, "2024-03-10T00:00:00", "2024-03-10T23:00:00"),
        (rollup(start_of("week"), "week"), "2024-03-11 (W11)", 7, "2024-03-11T00:00:00", "2024-03-17T00:00:00"),
        (rollup(start_of("month", input_format="%Y-%m-%d"), "month"), "2024-02", 29, "2024-02-01", "2024-02-29"),
        (rollup(start_of("quarter"), "quarter"), "2024-Q2", 3, "2024-04-01T00:00:00", "2024-06-01T00:00:00"),
        (rollup(start_of("year"), "year"), "2023", 12, "2023-01-01T00:00:00", "2023-12-01T00:00:00"),
        (REGIONS, "all", 3, "apac", "us"),
    ],
)
def test_a_rollup_needs_every_member_of_its_window(
    data: dict[str, Any], key: str, count: int, first: str, last: str
) -> None:
    needs = mapper_of(data).needs(key)
    assert needs is not None
    assert (len(needs), min(needs), max(needs)) == (count, first, last)
    assert mapper_of(data).is_enough(key, needs)
    assert mapper_of(data).is_enough(key, needs | {"another"})
    assert not mapper_of(data).is_enough(key, needs - {last})


@pytest.mark.parametrize(
    ("least", "come", "enough"),
    [(2, {"us"}, False), (2, {"us", "eu"}, True), (2, {"us", "x", "y"}, False), (-1, {"us", "eu"}, True),
     (-1, {"us"}, False), (-9, set(), True), (4, {"us", "eu", "apac"}, False)],
)  # fmt: skip
def test_a_rollup_may_be_content_with_fewer(least: int, come: set[str], enough: bool) -> None:
    assert mapper_of({**REGIONS, "least": least}).is_enough("all", frozenset(come)) is enough


@settings(deadline=None)
@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), st.sampled_from(["day", "week", "month", "quarter"]))
def test_whatever_is_for_a_period_is_needed_by_it(at: datetime, unit: str) -> None:
    """A rollup of periods is made of just those keys that map to it."""
    fine = {"day": "hour", "week": "day", "month": "day", "quarter": "month"}[unit]
    key = mapper_of(start_of(fine, output_format="%Y-%m-%dT%H:%M:%S")).downstream(at.strftime("%Y-%m-%dT%H:%M:%S"))[0]
    mapper = mapper_of(rollup(start_of(unit), unit))
    (target,) = mapper.downstream(key)
    assert key in (mapper.needs(target) or ())
    assert all(mapper.downstream(need) == (target,) for need in mapper.needs(target) or ())
