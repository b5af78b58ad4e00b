"""Moments as Airflow 2's `dates` module gives them, and the rest of its `timezone` module beside `sdk.timezone`."""

from __future__ import annotations

import datetime as dt

import pendulum
from dateutil.relativedelta import relativedelta
from pendulum import DateTime

from tradewind.sdk.timezone import parse, parse_timezone

Step = str | dt.timedelta | relativedelta

cron_presets: dict[str, str] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}


def days_ago(n: int, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0) -> DateTime:
    """`n` days before today in UTC, at midnight or the given time."""
    today = pendulum.now("UTC").replace(hour=hour, minute=minute, second=second, microsecond=microsecond)
    return today.subtract(days=n)


def parse_execution_date(execution_date_str: str) -> DateTime:
    found: DateTime = parse(execution_date_str)
    return found


def datetime_to_nano(datetime: dt.datetime | None) -> int | None:
    """Nanoseconds since 1970, or None."""
    return int(datetime.timestamp() * 1_000_000) * 1000 if datetime else None


def date_range(
    start_date: dt.datetime, end_date: dt.datetime | None = None, num: int | None = None, delta: Step | None = None
) -> list[dt.datetime]:
    """The moments from `start_date` by steps of `delta` (duration or cron): to `end_date`, or `num` of them."""
    if not delta:
        return []
    if end_date is not None and num is not None:
        raise ValueError("date_range takes end_date or num, not both.")
    direction = -1 if num is not None and num < 0 else 1
    last = (end_date or pendulum.now("UTC")) if num is None else None
    found: list[dt.datetime] = []
    moment = start_date if not isinstance(delta, str) else _cron(delta, start_date - dt.timedelta(microseconds=1), 1)
    while (last is None or moment <= last) and (num is None or len(found) < abs(num)):
        found.append(moment)
        moment = _cron(delta, moment, direction) if isinstance(delta, str) else moment + delta * direction
    return sorted(found)


def utc_epoch() -> dt.datetime:
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def local_timezone() -> dt.tzinfo:
    """The zone of this machine."""
    return parse_timezone("system")


def td_format(td_object: dt.timedelta | float | None) -> str | None:
    """A duration as `1d:2h:3M:4s`; `<1s` for less than a second, None for nothing."""
    if not td_object:
        return None
    seconds = td_object.total_seconds() if isinstance(td_object, dt.timedelta) else float(td_object)
    span = relativedelta(seconds=int(seconds)).normalized()
    months, days = divmod(int(span.days), 30)
    years, months = divmod(months, 12)
    parts = zip((years, months, days, span.hours, span.minutes, span.seconds), "ymdhMs", strict=True)
    return ":".join(f"{count}{unit}" for count, unit in parts if count) or "<1s"


def _cron(expression: str, moment: dt.datetime, direction: int) -> dt.datetime:
    from croniter import croniter  # type: ignore[import-untyped]

    steps = croniter(cron_presets.get(expression, expression), moment)
    found: dt.datetime = steps.get_next(dt.datetime) if direction > 0 else steps.get_prev(dt.datetime)
    return found
