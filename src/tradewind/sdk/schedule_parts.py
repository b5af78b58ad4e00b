"""The parts of a TimetableSpec, from what an author writes: cron text, deltas, zones."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta, tzinfo
from typing import Any

from tradewind.core.timetables.delta import leads_forward
from tradewind.core.timetables.spec import TimetableSpec
from tradewind.core.timetables.zones import zone
from tradewind.sdk.cron import InvalidSchedule, cron_spec

Delta = Any
"""A timedelta or a dateutil relativedelta."""


def triggers(
    expressions: list[str], timezone: str | tzinfo, interval: Delta, run_immediately: bool | timedelta | None
) -> TimetableSpec:
    """A run at each tick of any of these cron expressions."""
    crons = tuple(cron_spec(expression) for expression in expressions)
    months, window = months_and_rest(interval)
    immediately = run_immediately.total_seconds() if isinstance(run_immediately, timedelta) else bool(run_immediately)
    return TimetableSpec(
        kind="cron",
        summary=", ".join(cron.expression for cron in crons),
        timezone=zone_name(timezone, expressions[0]),
        crons=crons,
        window_seconds=window.total_seconds(),
        window_months=months,
        run_immediately=immediately,
    )


def on_changing_clocks(spec: TimetableSpec, gap: str, fold: str) -> TimetableSpec:
    """The same schedule, with what becomes of times that its zone's clocks skip or repeat."""
    for name, given, known in (("gap", gap, ("shift", "skip")), ("fold", fold, ("first", "second"))):
        if given not in known:
            raise InvalidSchedule(spec.summary, f"with {name}={given!r}; use {known[0]!r} or {known[1]!r}")
    return replace(spec, gap=gap, fold=fold)


def every(
    delta: Delta,
    timezone: str | tzinfo,
    *,
    data_interval: bool = False,
    window_months: int = 0,
    window_seconds: float = 0.0,
) -> TimetableSpec:
    """A run every `delta`."""
    months, rest = months_and_rest(delta)
    if not leads_forward(rest, months):
        raise InvalidSchedule(str(delta), "which does not lead forward; use a positive time")
    return TimetableSpec(
        kind="delta",
        summary=str(delta),
        timezone=zone_name(timezone, str(delta)),
        delta_seconds=rest.total_seconds(),
        delta_months=months,
        data_interval=data_interval,
        window_months=window_months,
        window_seconds=window_seconds,
    )


def months_and_rest(delta: Delta) -> tuple[int, timedelta]:
    """A timedelta or relativedelta as calendar months and elapsed time."""
    if isinstance(delta, timedelta):
        return 0, delta
    if not is_relativedelta(delta):
        raise InvalidSchedule(delta, f"which is of type {type(delta).__name__}; use a timedelta or a relativedelta")
    absolute = ("year", "month", "day", "weekday", "hour", "minute", "second", "microsecond")
    if any(getattr(delta, name) is not None for name in absolute) or delta.leapdays:
        raise InvalidSchedule(
            str(delta), "which names a point in time; use only plural fields such as months= or days="
        )
    even = delta.normalized()
    rest = timedelta(
        days=even.days, hours=even.hours, minutes=even.minutes, seconds=even.seconds, microseconds=even.microseconds
    )
    return even.years * 12 + even.months, rest


def zone_name(timezone: str | tzinfo, schedule: str) -> str:
    """The name by which a schedule keeps its zone. Raises InvalidSchedule for one that is not known."""
    from tradewind.sdk.timezone import timezone_name

    name = timezone if isinstance(timezone, str) else timezone_name(timezone)
    if zone(name) is None:
        raise InvalidSchedule(schedule, f"whose timezone {name!r} is unknown; use a name such as Asia/Seoul or +09:00")
    return "UTC" if name.upper() in ("UTC", "Z", "") else name


def is_relativedelta(value: Any) -> bool:
    """Whether this is dateutil's calendar delta."""
    # Who has made one has imported its module; nobody else needs to.
    module = sys.modules.get("dateutil.relativedelta")
    return module is not None and isinstance(value, module.relativedelta)


def one_expression(expression: str | None, cron: str | None) -> str:
    """The cron text of a timetable, under whichever of its two names it was given."""
    given = [text for text in (expression, cron) if text is not None]
    if len(given) != 1:
        raise TypeError("A cron timetable needs one cron expression.")
    return given[0]
