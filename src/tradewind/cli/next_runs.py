"""The next runs of a Dag by its stored timetable, as the scheduler will make them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from tradewind.core.timetables import DataInterval, DueRun, Restriction, next_run
from tradewind.core.timetables.spec import TimetableSpec
from tradewind.store.times import from_us


def next_runs(
    row: Mapping[str, Any], spec: Mapping[str, Any], count: int, now: datetime | None = None
) -> list[dict[str, Any]]:
    """Up to `count` coming runs: the one that the scheduler has planned, and those after it."""
    timetable = msgspec.convert(spec["timetable"], TimetableSpec, strict=False)
    if timetable.kind == "custom":
        raise click.ClickException(
            f"{row['dag_id']} has a timetable of its own ({timetable.custom}); only its planned run is known: "
            f"{from_us(row['next_run_after']) or 'none'}. `tradewind simulate` asks its code for more."
        )
    restriction = Restriction(_bound(spec, "start_date", min), _bound(spec, "end_date", max), bool(spec.get("catchup")))
    moment = now or datetime.now(UTC)
    found: list[dict[str, Any]] = []
    due = _stored(row, "next") or next_run(timetable, _stored(row, "last"), restriction, moment)
    while due is not None and len(found) < count:
        found.append(_fields(due))
        due = next_run(timetable, due, restriction, moment)
    return found


def _bound(spec: Mapping[str, Any], name: str, choose: Any) -> datetime | None:
    """The Dag's date, widened or narrowed by those of its tasks, as the scheduler takes it."""
    texts = [spec.get(name), *(task.get(name) for task in spec["tasks"].values())]
    return choose((datetime.fromisoformat(text) for text in texts if text), default=None)  # type: ignore[no-any-return]


def _stored(row: Mapping[str, Any], which: str) -> DueRun | None:
    run_after = from_us(row[f"{which}_run_after"])
    if run_after is None:
        return None
    start, end = from_us(row[f"{which}_interval_start"]), from_us(row[f"{which}_interval_end"])
    return DueRun(from_us(row[f"{which}_logical_date"]), DataInterval.between(start, end), run_after)


def _fields(due: DueRun) -> dict[str, Any]:
    interval = due.data_interval
    return {
        "logical_date": _text(due.logical_date),
        "data_interval.start": _text(interval.start) if interval else None,
        "data_interval.end": _text(interval.end) if interval else None,
        "run_after": _text(due.run_after),
    }


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None
