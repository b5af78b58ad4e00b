"""The dates of a backfill: those of the schedule itself, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tradewind.core.backfill_plan import Backfill, plan_backfill
from tradewind.core.errors import InvalidInput
from tradewind.core.timetables import Restriction, TimetableSpec, next_run
from tradewind.sdk.cron import cron_spec
from tradewind.testing.builders import dag, every

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
START = datetime(2024, 1, 1, 5, tzinfo=UTC)


def cron(text: str, **fields: object) -> TimetableSpec:
    return TimetableSpec(kind="cron", summary=text, crons=(cron_spec(text),), **fields)  # type: ignore[arg-type]


def dates(spec: TimetableSpec, begin: datetime, end: datetime, start: datetime | None = START) -> list[datetime]:
    """Logical dates that a backfill of this range has."""
    wish = Backfill(id=0, dag_id="etl", from_date=begin, to_date=end)
    plan = plan_backfill(dag("a", timetable=spec, start_date=start), wish, {}, NOW)
    return [slot.due.logical_date for slot in plan.slots if slot.due.logical_date]


def followed(spec: TimetableSpec) -> Iterator[datetime]:
    """Logical dates that the schedule has made if it was followed from its start date until now."""
    run = next_run(spec, None, Restriction(START, None, True), NOW)
    while run is not None and run.run_after <= NOW:
        assert run.logical_date is not None
        yield run.logical_date
        run = next_run(spec, run, Restriction(START, None, True), NOW)


@pytest.mark.parametrize("fields", [{}, {"data_interval": True}, {"window_seconds": 7200.0}], ids=str)
@pytest.mark.parametrize("kind", ["0 6 * * *", "*/45 * * * *", "0 2 * * SUN", "a day", "7 hours"])
@pytest.mark.parametrize(("first", "last"), [(0, 3), (10, 10), (9.3, 21.7), (55, 90)])
def test_they_are_the_dates_that_the_schedule_has(
    kind: str, fields: dict[str, object], first: float, last: float
) -> None:
    deltas = {"a day": every(days=1, **fields), "7 hours": every(hours=7, **fields)}
    spec = deltas.get(kind) or cron(kind, **fields)
    begin, end = START + timedelta(days=first), START + timedelta(days=last)
    expected = [date for date in followed(spec) if begin <= date <= end]
    if expected:
        assert dates(spec, begin, end) == expected
    else:
        with pytest.raises(InvalidInput, match="no run by its schedule"):
            dates(spec, begin, end)


def test_before_the_start_date_the_ticks_go_on_backwards() -> None:
    begin = START - timedelta(days=3)
    assert [date.day for date in dates(cron("0 6 * * *"), begin, START)] == [29, 30, 31]
    assert [date.day for date in dates(cron("0 6 * * *"), begin, START, None)] == [29, 30, 31]


def test_events_and_once_have_the_dates_that_they_name() -> None:
    events = (datetime(2024, 1, 5, tzinfo=UTC), datetime(2024, 2, 5, tzinfo=UTC), datetime(2024, 4, 5, tzinfo=UTC))
    spec = TimetableSpec(kind="events", summary="events", events=events)
    assert dates(spec, START, NOW + timedelta(days=90)) == list(events[:2])
    assert dates(TimetableSpec(kind="once", summary="@once"), START, NOW) == [START]
    with pytest.raises(InvalidInput):
        dates(TimetableSpec(kind="once", summary="@once"), START + timedelta(days=1), NOW)


def test_a_custom_timetable_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match=r"the past dates of plugins\.Workdays are known to its code alone"):
        dates(TimetableSpec(kind="custom", summary="workdays", custom="plugins.Workdays"), START, NOW)
