"""Cron text to sets of fields, read by croniter, so that scheduling needs arithmetic only."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from tradewind.core.timetables.spec import CronSpec
from tradewind.sdk.exceptions import AirflowTimetableInvalid

CRON_PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

_FIELDS = ("minute", "hour", "day of month", "month", "day of week", "second", "year")
_LONGEST = 1000
_RANDOM = re.compile(r"(?:^|[\s,])[hr](?:$|[\s,/(])", re.IGNORECASE)


class InvalidSchedule(AirflowTimetableInvalid):
    """A schedule that says no time; the text names the Dag, the schedule and what is wrong with it."""

    def __init__(self, schedule: object, problem: str, dag_id: str = "") -> None:
        shown = schedule if isinstance(schedule, str) else repr(schedule)
        owner = f"Dag {dag_id!r} has schedule" if dag_id else "The schedule is"
        super().__init__(f"{owner} {_short(str(shown))!r}, {problem}.")
        self.schedule, self.problem, self.dag_id = schedule, problem, dag_id


@lru_cache(maxsize=1024)
def cron_spec(expression: str) -> CronSpec:
    """The fields of a cron expression or preset: 5 of them, 6 with seconds, or 7 with seconds and years."""
    text = CRON_PRESETS.get(expression.strip().lower(), expression.strip())
    if problem := _problem(text):
        raise InvalidSchedule(expression, problem)
    fields, nth, nearest = _expanded(text)
    absent: list[list[Any]] = [[0], ["*"]]
    minutes, hours, days, months, weekdays, seconds, years = fields + absent[len(fields) - 5 :]
    any_day, any_weekday = "*" in days, "*" in weekdays and not nth
    # croniter lets `MON#2` and `15W` decide alone where the other day field restricts as well.
    if nth:
        any_day, days = True, ["*"]
    if nearest:
        any_weekday, weekdays, days = True, ["*"], []
    return CronSpec(
        expression=text,
        minutes=_numbers(minutes, 0, 59),
        hours=_numbers(hours, 0, 23),
        days=_numbers(days, 1, 31),
        months=_numbers(months, 1, 12),
        weekdays=() if nth else _numbers(weekdays, 0, 6),
        any_day=any_day,
        any_weekday=any_weekday,
        last_day="l" in days,
        nth_weekdays=tuple(sorted((weekday, -1 if n == "l" else int(n)) for weekday in nth for n in nth[weekday])),
        seconds=_numbers(seconds, 0, 59),
        nearest_weekday=min(nearest, default=0),
        years=() if "*" in years else _numbers(years, 1970, 2099),
    )


def _expanded(text: str) -> tuple[list[list[Any]], dict[int, set[Any]], set[int]]:
    from croniter import croniter  # type: ignore[import-untyped,unused-ignore]

    cron = croniter(text)
    return (
        [list(field) for field in cron.expanded],
        dict(cron.nth_weekday_of_month),
        set(getattr(cron, "nearest_weekday", ())),
    )


def _problem(text: str) -> str:
    """What is wrong with an expression, as the end of a sentence; empty when croniter takes it."""
    if text.startswith("@"):
        return f"which is no preset; use {', '.join(sorted(CRON_PRESETS))}, @once or @continuous"
    if len(text) > _LONGEST:
        return f"which is longer than {_LONGEST} characters"
    fields = text.split()
    if not 5 <= len(fields) <= 7:
        return f"which has {len(fields)} fields where cron has 5 (minute hour day month weekday), 6 or 7"
    if _RANDOM.search(text):
        return "which uses H or R, times chosen by chance; write the time itself"
    try:
        _, nth, nearest = _expanded(text)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        return _bad_field(fields) or f"which croniter refuses: {str(error).rstrip('.') or type(error).__name__}"
    if nth and nearest:
        return "which restricts both the nearest weekday (W) and the nth weekday (#); use one of them"
    return ""


def _bad_field(fields: list[str]) -> str:
    """Which field is wrong by itself, found by trying each alone."""
    for position, value in enumerate(fields):
        alone = ["*"] * max(5, position + 1)
        alone[position] = value
        try:
            _expanded(" ".join(alone))
        except (ValueError, LookupError, TypeError, AttributeError):
            return f"whose {_FIELDS[position]} {_short(value)!r} is malformed or out of range"
    return ""


def _numbers(field: list[Any], low: int, high: int) -> tuple[int, ...]:
    if "*" in field:
        return tuple(range(low, high + 1))
    return tuple(sorted({value for value in field if isinstance(value, int)}))


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}…"
