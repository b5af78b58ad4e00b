"""When Dags were due, worked out from the lines of the log and the runs that were made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tradewind.core.alert_history import completed
from tradewind.core.decisions import Record

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def at(hours: float) -> datetime:
    return BEGIN + timedelta(hours=hours)


def said(lines: list[tuple[datetime, Record, datetime | None]], upcoming: dict[str, datetime | None]) -> list[str]:
    out = []
    for moment, event in completed(lines, BEGIN, upcoming):
        what = event.name
        if event.name == "dag.due":
            due = event.body["run_after"]
            hours = None if due is None else (datetime.fromisoformat(due) - BEGIN) / timedelta(hours=1)
            what = f"{event.dag_id} due {hours}"
        out.append(f"{(moment - BEGIN) / timedelta(hours=1):g}: {what}")
    return out


def created(hours: float, due: float | None = None) -> tuple[datetime, Record, datetime | None]:
    return at(hours), Record("run.created", "etl", f"r{hours}"), None if due is None else at(due)


def test_each_run_is_followed_by_when_the_next_one_was_due_and_the_last_by_what_is_due_now() -> None:
    assert said([created(1, 1), created(1.5), created(3, 2)], {"etl": at(3)}) == [
        "0: etl due 1.0", "1: run.created", "1: etl due 2.0", "1.5: run.created", "3: run.created", "3: etl due 3.0",
    ]  # fmt: skip


def test_a_dag_that_is_paused_is_not_due_until_it_goes_on() -> None:
    paused, unpaused = Record("dag.paused", "etl"), Record("dag.unpaused", "etl")
    assert said([created(1, 1), (at(1.2), paused, None), (at(9), unpaused, None), created(9, 2)], {"etl": None}) == [
        "0: etl due 1.0", "1: run.created", "1: etl due 2.0", "1.2: dag.paused", "1.2: etl due None",
        "9: dag.unpaused", "9: etl due 2.0", "9: run.created", "9: etl due None",
    ]  # fmt: skip


def test_what_was_due_before_the_history_begins_is_known_with_the_next_change_only() -> None:
    assert said([created(1, -20)], {"etl": None, "other": at(7)}) == [
        "0: other due 7.0", "1: run.created", "1: etl due None",
    ]  # fmt: skip
