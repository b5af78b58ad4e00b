"""Which run of a schedule comes next, and what a manual run covers: one function for each kind of timetable."""

from datetime import UTC, datetime, timedelta

from tradewind.core.timetables.delta import add_months
from tradewind.core.timetables.moments import (
    EPOCH,
    MOMENT,
    Ticks,
    at_or_after,
    at_or_before,
    delta_of,
    ticks_of,
)
from tradewind.core.timetables.runs import DataInterval, DueRun, Restriction
from tradewind.core.timetables.spec import TimetableSpec
from tradewind.core.timetables.zones import zone

_LEAST_GRACE = timedelta(minutes=5)
_BEFORE_ALL = datetime(1, 1, 2, tzinfo=UTC)


def next_run(spec: TimetableSpec, last: DueRun | None, restriction: Restriction, now: datetime) -> DueRun | None:
    """The run of the schedule that follows `last` (None: there was none), or None when none follows.

    Without catchup it is the latest one that is due already, else the first that will be. The answer stands until
    that run is created: asking again later, with the same `last`, passes over what has been missed meanwhile.
    """
    bounds = Restriction(_utc(restriction.earliest), _utc(restriction.latest), restriction.catchup)
    try:
        run = _next_run(spec, last, bounds, now.astimezone(UTC))
    except (OverflowError, ValueError):
        # The search has left the calendar, or the stored fields mean no moment at all.
        return None
    if run is None or run.logical_date is None:
        return run
    return None if bounds.latest is not None and run.logical_date > bounds.latest else run


def manual_interval(spec: TimetableSpec, run_after: datetime) -> DataInterval | None:
    """The data that a manual run at `run_after` covers; None where only a custom timetable's own code can say."""
    at = run_after.astimezone(UTC)
    try:
        return _manual_interval(spec, at)
    except (OverflowError, ValueError):
        return DataInterval(at, at)


def _next_run(spec: TimetableSpec, last: DueRun | None, bounds: Restriction, now: datetime) -> DueRun | None:
    match spec.kind:
        case "once":
            return _exact(bounds.earliest or now) if last is None else None
        case "continuous":
            return _next_continuous(last, bounds, now)
        case "events":
            return _next_event(spec, last, bounds, now)
        case "cron" | "delta":
            ticks = ticks_of(spec, _anchor(last, bounds))
            if ticks is None:
                return None
            following = _next_interval if spec.data_interval else _next_trigger
            return following(spec, ticks, last, bounds, now)
        case _:
            return None


def _next_trigger(
    spec: TimetableSpec, ticks: Ticks, last: DueRun | None, bounds: Restriction, now: datetime
) -> DueRun | None:
    """Due at the tick itself, which is the first that no floor forbids."""
    floors = [] if last is None else [_end(last) + MOMENT]
    if last is None and bounds.earliest is None:
        floors.append(_first_tick(spec, ticks, now) or now)
    due = None if bounds.catchup else at_or_before(ticks, now)
    if due is not None:
        floors.append(due)
    earliest = _earliest_logical_date(last, bounds)
    if earliest is not None:
        floors.append(_window_end(spec, earliest))
    tick = at_or_after(ticks, max(floors))
    while spec.window_months and earliest is not None and tick is not None and _window_start(spec, tick) < earliest:
        tick = ticks.after(tick)  # the days that shorter months took off
    if tick is None:
        return None
    start = _window_start(spec, tick)
    return DueRun(start, DataInterval(start, tick), tick)


def _first_tick(spec: TimetableSpec, ticks: Ticks, now: datetime) -> datetime | None:
    """The first tick of a Dag without a start date: the one just passed, where it is fresh enough, or the coming."""
    passed, coming = at_or_before(ticks, now), at_or_after(ticks, now)
    if passed is None or spec.kind == "delta" or spec.run_immediately is True:
        return passed if passed is not None else coming
    if spec.run_immediately is not False:
        grace = timedelta(seconds=spec.run_immediately)
    elif coming is None:
        grace = _LEAST_GRACE
    else:
        grace = max((coming - passed) / 10, _LEAST_GRACE)
    return passed if now - passed <= grace else coming


def _next_interval(
    spec: TimetableSpec, ticks: Ticks, last: DueRun | None, bounds: Restriction, now: datetime
) -> DueRun | None:
    """Due at the end of the span between two ticks."""
    floors = []
    if not bounds.catchup:
        complete = _last_complete(ticks, now)
        floors.append(complete.start if complete else at_or_before(ticks, now) or now)
    if last is not None:
        # A schedule that has changed meanwhile goes on from its own tick.
        floors.append(at_or_before(ticks, _end(last)) or _end(last))
    earliest = _earliest_logical_date(last, bounds)
    if earliest is not None:
        floors.append(earliest)
    start = at_or_after(ticks, max(floors)) if floors else None
    end = None if start is None else ticks.after(start)
    if start is None or end is None:
        return None
    return DueRun(start, DataInterval(start, end), end)


def _last_complete(ticks: Ticks, now: datetime) -> DataInterval | None:
    end = at_or_before(ticks, now)
    start = None if end is None else ticks.before(end)
    return DataInterval.between(start, end)


def _next_continuous(last: DueRun | None, bounds: Restriction, now: datetime) -> DueRun:
    """Due at once, covering the time since the run before it."""
    start = now if last is None else _end(last)
    earliest = _earliest_logical_date(last, bounds)
    if earliest is not None:
        start = earliest if last is None else max(start, earliest)
    end = max(start, now)
    return DueRun(start, DataInterval(start, end), end)


def _next_event(spec: TimetableSpec, last: DueRun | None, bounds: Restriction, now: datetime) -> DueRun | None:
    """Due at the event. Without catchup, what lies in the past is run only when the schedule was under way."""
    ticks = ticks_of(spec)
    if ticks is None:
        return None
    floors = [] if bounds.earliest is None else [bounds.earliest]
    if last is not None:
        floors.append(_end(last) + MOMENT)
    if not bounds.catchup:
        missed = None if last is None else at_or_before(ticks, now)
        floors.append(missed if missed is not None and missed >= max(floors) else now)
    event = at_or_after(ticks, max(floors)) if floors else ticks.after(_BEFORE_ALL)
    return None if event is None else _exact(event)


def _manual_interval(spec: TimetableSpec, at: datetime) -> DataInterval | None:
    match spec.kind:
        case "custom":
            return None
        case "events" if spec.restrict_to_events and spec.events:
            event = max((event for event in spec.events if event <= at), default=min(spec.events)).astimezone(UTC)
            return DataInterval(event, event)
        case "delta" if spec.data_interval:
            return DataInterval(_back(spec, at, spec.delta_months, delta_of(spec)), at)
        case "cron" if spec.data_interval:
            ticks = ticks_of(spec)
            complete = None if ticks is None else _last_complete(ticks, at)
            return complete or DataInterval(at, at)
        case "delta" | "cron":
            return DataInterval(_window_start(spec, at), at)
        case _:
            return DataInterval(at, at)


def _anchor(last: DueRun | None, bounds: Restriction) -> datetime:
    """What a delta counts from: the run before it, or a start date that has come later, or the epoch."""
    known = [moment for moment in (_end(last) if last else None, bounds.earliest) if moment is not None]
    return max(known, default=EPOCH)


def _earliest_logical_date(last: DueRun | None, bounds: Restriction) -> datetime | None:
    """The start date, and later than the run before: a Dag has one run for a logical date."""
    after_last = None if last is None or last.logical_date is None else last.logical_date.astimezone(UTC) + MOMENT
    return max((date for date in (bounds.earliest, after_last) if date is not None), default=None)


def _window_end(spec: TimetableSpec, start: datetime) -> datetime:
    months_later = add_months(start, spec.window_months, zone(spec.timezone) or UTC)
    return months_later + timedelta(seconds=spec.window_seconds)


def _window_start(spec: TimetableSpec, tick: datetime) -> datetime:
    return _back(spec, tick, spec.window_months, timedelta(seconds=spec.window_seconds))


def _back(spec: TimetableSpec, instant: datetime, months: int, delta: timedelta) -> datetime:
    return add_months(instant, -months, zone(spec.timezone) or UTC) - delta


def _end(run: DueRun) -> datetime:
    return (run.data_interval.end if run.data_interval else run.run_after).astimezone(UTC)


def _exact(at: datetime) -> DueRun:
    return DueRun(at, DataInterval(at, at), at)


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)
