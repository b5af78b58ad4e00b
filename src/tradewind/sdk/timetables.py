"""What a Dag author writes as a schedule, and the TimetableSpec it becomes."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from tradewind.core import timetables as core
from tradewind.core.timetables.delta import leads_forward
from tradewind.core.timetables.spec import PartitionSpec, TimetableSpec
from tradewind.core.timetables.zones import zone
from tradewind.sdk.cron import CRON_PRESETS, InvalidSchedule, cron_spec

__all__ = [
    "CRON_PRESETS",
    "AssetOrTimeSchedule",
    "AssetTriggeredTimetable",
    "ContinuousTimetable",
    "CronDataIntervalTimetable",
    "CronPartitionTimetable",
    "CronTriggerTimetable",
    "DagRunInfo",
    "DataInterval",
    "DeltaDataIntervalTimetable",
    "DeltaTriggerTimetable",
    "EventsTimetable",
    "InvalidSchedule",
    "MultipleCronTriggerTimetable",
    "NullTimetable",
    "OnceTimetable",
    "PartitionedAssetTimetable",
    "PartitionedAtRuntime",
    "TimeRestriction",
    "Timetable",
    "cron_spec",
    "timetable_spec",
]

Delta = Any
"""A timedelta or a dateutil relativedelta."""

_NO_TIME = timedelta(0)


class DataInterval(NamedTuple):
    """The span of data that a run covers."""

    start: datetime
    end: datetime

    @classmethod
    def exact(cls, at: datetime) -> DataInterval:
        """No span: a moment."""
        return cls(at, at)


class DagRunInfo(NamedTuple):
    """A run that a custom timetable asks for."""

    run_after: datetime
    data_interval: DataInterval | None
    partition_date: datetime | None = None
    partition_key: str | None = None

    @classmethod
    def exact(cls, at: datetime) -> DagRunInfo:
        """A run at a moment, covering no span."""
        return cls(at, DataInterval.exact(at))

    @classmethod
    def interval(cls, start: datetime, end: datetime) -> DagRunInfo:
        """A run that covers a span and is due at its end."""
        return cls(end, DataInterval(start, end))

    @property
    def logical_date(self) -> datetime | None:
        return self.data_interval.start if self.data_interval else None


class TimeRestriction(NamedTuple):
    """The bounds that a custom timetable must keep."""

    earliest: datetime | None
    latest: datetime | None
    catchup: bool


class Timetable:
    """Base of every timetable. A custom one defines `next_dagrun_info` and `infer_manual_data_interval`."""

    description: str = ""
    periodic: bool = True
    can_be_scheduled: bool = True
    run_ordering: tuple[str, ...] = ("data_interval_end", "logical_date")
    active_runs_limit: int | None = None
    asset_condition: Any = None
    partitioned: bool = False
    partitioned_at_runtime: bool = False

    def spec(self) -> TimetableSpec:
        """What the scheduler reads; for a custom timetable that is where its class is found."""
        return _custom_spec(self)

    @property
    def summary(self) -> str:
        """What lists of Dags show as the schedule."""
        return type(self).__name__

    def validate(self) -> None:
        """Raises where the timetable says no time."""

    def serialize(self) -> dict[str, Any]:
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Timetable:
        return cls(**data)

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        raise NotImplementedError(f"{type(self).__name__} has no infer_manual_data_interval(); define it.")

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        raise NotImplementedError(f"{type(self).__name__} has no next_dagrun_info(); define it.")

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The same, given the whole run before; what is asked first."""
        last = last_dagrun_info.data_interval if last_dagrun_info is not None else None
        return self.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)

    def generate_run_id(self, *, run_type: Any, run_after: datetime, data_interval: Any = None, **extra: Any) -> str:
        return f"{getattr(run_type, 'value', run_type)}__{run_after.isoformat()}"


class _Known(Timetable):
    """A timetable that the scheduler understands by itself: its spec says everything."""

    def spec(self) -> TimetableSpec:
        raise NotImplementedError

    @property
    def summary(self) -> str:
        return self.spec().summary

    def validate(self) -> None:
        self.spec()

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        interval = core.manual_interval(self.spec(), _moment(run_after))
        return DataInterval.exact(run_after) if interval is None else _shown(interval)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next run as of now, for custom timetables that build on this one."""
        earliest, latest = (at and _moment(at) for at in (restriction.earliest, restriction.latest))
        bounds = core.Restriction(earliest, latest, restriction.catchup)
        last = None
        if last_automated_data_interval is not None:
            span = core.DataInterval(*map(_moment, last_automated_data_interval))
            last = core.DueRun(span.start, span, span.end)
        run = core.next_run(self.spec(), last, bounds, datetime.now(UTC))
        if run is None:
            return None
        span_shown = None if run.data_interval is None else _shown(run.data_interval)
        return DagRunInfo(_pendulum(run.run_after), span_shown)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, _Known) and self.spec() == other.spec()

    def __hash__(self) -> int:
        return hash((type(self), self.spec()))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.summary}>"


class NullTimetable(_Known):
    """`schedule=None`: runs exist only on request."""

    can_be_scheduled = False
    periodic = False
    description = "Never, external triggers only"

    def spec(self) -> TimetableSpec:
        return TimetableSpec(kind="never", summary="None", description=self.description)


class OnceTimetable(_Known):
    """`schedule="@once"`: one run, at the start date or at once."""

    periodic = False
    description = "Once, as soon as possible"

    def spec(self) -> TimetableSpec:
        return TimetableSpec(kind="once", summary="@once", description=self.description)


class ContinuousTimetable(_Known):
    """`schedule="@continuous"`: the next run starts when the one before has ended."""

    periodic = False
    description = "As frequently as possible, but only one run at a time."
    active_runs_limit = 1

    def spec(self) -> TimetableSpec:
        return TimetableSpec(
            kind="continuous", summary="@continuous", description=self.description, active_runs_limit=1
        )


class CronTriggerTimetable(_Known):
    """A run at each tick of a cron expression, covering `interval` up to that tick.

    `gap` and `fold` say what becomes of a time that a clock change skips (`shift` to the first moment after it, or
    `skip`) or repeats (`first` or `second`). They are Tradewind's own, here and in the other cron timetables.
    """

    def __init__(
        self,
        expression: str | None = None,
        timezone: str | tzinfo = "UTC",
        *,
        interval: Delta = _NO_TIME,
        run_immediately: bool | timedelta | None = False,
        cron: str | None = None,
        gap: str = "shift",
        fold: str = "first",
    ) -> None:
        self.expression = _one_expression(expression, cron)
        self.timezone, self.interval, self.run_immediately = timezone, interval, run_immediately
        self.gap, self.fold = gap, fold

    def spec(self) -> TimetableSpec:
        spec = _triggers([self.expression], self.timezone, self.interval, self.run_immediately)
        return _on_changing_clocks(spec, self.gap, self.fold)


class CronPartitionTimetable(CronTriggerTimetable):
    """A run at each tick of a cron expression, for the partition whose date is that tick or `run_offset` from it.

    A whole number as `run_offset` counts ticks: -1 is the tick before.
    """

    partitioned = True

    def __init__(
        self,
        cron: str,
        *,
        timezone: str | tzinfo,
        run_offset: int | Delta | None = None,
        run_immediately: bool | timedelta | None = False,
        key_format: str = "%Y-%m-%dT%H:%M:%S",
    ) -> None:
        super().__init__(cron, timezone, run_immediately=run_immediately)
        self.run_offset, self.key_format = run_offset, key_format

    def spec(self) -> TimetableSpec:
        offset = self.run_offset or 0
        if isinstance(offset, int):
            return replace(super().spec(), partition=PartitionSpec(key_format=self.key_format, ticks=offset))
        months, rest = _months_and_rest(offset)
        moved = PartitionSpec(key_format=self.key_format, months=months, seconds=rest.total_seconds())
        return replace(super().spec(), partition=moved)


class MultipleCronTriggerTimetable(_Known):
    """A run at each tick of any of several cron expressions."""

    def __init__(
        self,
        *crons: str,
        timezone: str | tzinfo = "UTC",
        interval: Delta = _NO_TIME,
        run_immediately: bool | timedelta | None = False,
        gap: str = "shift",
        fold: str = "first",
    ) -> None:
        if not crons:
            raise ValueError("MultipleCronTriggerTimetable needs at least one cron expression.")
        self.crons, self.timezone, self.interval, self.run_immediately = crons, timezone, interval, run_immediately
        self.gap, self.fold = gap, fold

    def spec(self) -> TimetableSpec:
        spec = _triggers(list(self.crons), self.timezone, self.interval, self.run_immediately)
        return _on_changing_clocks(spec, self.gap, self.fold)


class CronDataIntervalTimetable(_Known):
    """A run for each span between two ticks of a cron expression, due at its end."""

    def __init__(
        self,
        expression: str | None = None,
        timezone: str | tzinfo = "UTC",
        *,
        cron: str | None = None,
        gap: str = "shift",
        fold: str = "first",
    ) -> None:
        self.expression = _one_expression(expression, cron)
        self.timezone, self.gap, self.fold = timezone, gap, fold

    def spec(self) -> TimetableSpec:
        cron = cron_spec(self.expression)
        spec = TimetableSpec(
            kind="cron",
            summary=cron.expression,
            timezone=_zone_name(self.timezone, self.expression),
            crons=(cron,),
            data_interval=True,
        )
        return _on_changing_clocks(spec, self.gap, self.fold)


class DeltaTriggerTimetable(_Known):
    """A run every `delta`, covering `interval` up to it."""

    def __init__(self, delta: Delta, *, interval: Delta = _NO_TIME, timezone: str | tzinfo = "UTC") -> None:
        self.delta, self.interval, self.timezone = delta, interval, timezone

    def spec(self) -> TimetableSpec:
        months, window = _months_and_rest(self.interval)
        return _every(self.delta, self.timezone, window_months=months, window_seconds=window.total_seconds())


class DeltaDataIntervalTimetable(_Known):
    """A run for each span of `delta`, due at its end."""

    def __init__(self, delta: Delta, *, timezone: str | tzinfo = "UTC") -> None:
        self.delta, self.timezone = delta, timezone

    def spec(self) -> TimetableSpec:
        return _every(self.delta, self.timezone, data_interval=True)


class EventsTimetable(_Known):
    """A run at each of some given moments."""

    def __init__(
        self,
        event_dates: Iterable[datetime],
        restrict_to_events: bool = False,
        presorted: bool = False,
        description: str | None = None,
    ) -> None:
        dates = list(event_dates)
        self.event_dates = dates if presorted else sorted(dates, key=_moment)
        self.restrict_to_events = restrict_to_events
        self._label = description
        self.description = description or self._span()

    def spec(self) -> TimetableSpec:
        return TimetableSpec(
            kind="events",
            summary=self._label or f"{len(self.event_dates)} events",
            description=self.description,
            events=tuple(sorted({_moment(event) for event in self.event_dates})),
            restrict_to_events=self.restrict_to_events,
        )

    def _span(self) -> str:
        if not self.event_dates:
            return "No events"
        first, last = self.event_dates[0].isoformat(), self.event_dates[-1].isoformat()
        return f"{len(self.event_dates)} events between {first} and {last}"


class AssetTriggeredTimetable(_Known):
    """Runs come from asset events alone."""

    periodic = False
    description = "Triggered by assets"

    def __init__(self, assets: Any) -> None:
        self.asset_condition = assets

    def spec(self) -> TimetableSpec:
        return TimetableSpec(kind="asset", summary="Asset", description=self.description)


class PartitionedAtRuntime(NullTimetable):
    """Runs exist only on request, and say then which partition they are for."""

    partitioned_at_runtime = True
    description = "Never by itself; a partition is named when a run is made"


class PartitionedAssetTimetable(AssetTriggeredTimetable):
    """Runs come from events of partitioned assets; the mappers say which partition each event is for."""

    partitioned = True

    def __init__(self, assets: Any, partition_mapper_config: Any = None, default_partition_mapper: Any = None) -> None:
        super().__init__(assets)
        self.partition_mapper_config = dict(partition_mapper_config or {})
        self.default_partition_mapper = default_partition_mapper


class AssetOrTimeSchedule(_Known):
    """Runs come from asset events and, beside them, from a timetable."""

    def __init__(self, *, timetable: Timetable, assets: Any = None, datasets: Any = None) -> None:
        self.timetable = timetable
        self.asset_condition = datasets if assets is None else assets
        if self.asset_condition is None:
            raise TypeError("AssetOrTimeSchedule needs assets=: an asset, a list of assets or an asset expression.")

    def spec(self) -> TimetableSpec:
        timed = timetable_spec(self.timetable, timezone="UTC")
        return replace(
            timed,
            summary=f"Asset or {timed.summary}",
            description=f"Triggered by assets or {timed.description or timed.summary}",
        )


def timetable_spec(
    schedule: Any,
    *,
    timezone: str,
    generation: int = 3,
    create_data_intervals: bool | None = None,
    dag_id: str = "",
) -> TimetableSpec:
    """The TimetableSpec of whatever stands as `schedule=` in a Dag.

    Cron text and deltas cover data intervals in generation 2 or where `create_data_intervals` says so; otherwise a
    run is due at the tick itself.
    """
    try:
        timetable = _timetable(schedule, timezone, data_intervals=generation == 2 or bool(create_data_intervals))
        return timetable.spec() if _speaks_for_itself(timetable) else _custom_spec(timetable)
    except InvalidSchedule as error:
        raise InvalidSchedule(error.schedule, error.problem, dag_id) from None


def _timetable(schedule: Any, timezone: str, *, data_intervals: bool) -> Any:
    if schedule is None:
        return NullTimetable()
    if isinstance(schedule, Timetable) or hasattr(schedule, "next_dagrun_info"):
        return schedule
    if isinstance(schedule, str):
        match schedule.strip().lower():
            case "@once":
                return OnceTimetable()
            case "@continuous":
                return ContinuousTimetable()
            case "none":
                raise InvalidSchedule(schedule, "which is text; write schedule=None without quotes")
        return (CronDataIntervalTimetable if data_intervals else CronTriggerTimetable)(schedule, timezone)
    if isinstance(schedule, timedelta) or _is_relativedelta(schedule):
        return (DeltaDataIntervalTimetable if data_intervals else DeltaTriggerTimetable)(schedule, timezone=timezone)
    if _is_asset_like(schedule):
        return AssetTriggeredTimetable(schedule)
    raise InvalidSchedule(
        schedule,
        f"which is of type {type(schedule).__name__}; use None, cron text, a preset, a timedelta, a relativedelta, "
        "a timetable or assets",
    )


def _speaks_for_itself(timetable: Any) -> bool:
    """Whether its spec says everything: a class that has its own idea of the next run is a custom timetable."""
    kind = type(timetable)
    return (
        isinstance(timetable, _Known)
        and kind.next_dagrun_info is _Known.next_dagrun_info
        and kind.next_dagrun_info_v2 is Timetable.next_dagrun_info_v2
        and kind.generate_run_id is Timetable.generate_run_id
    )


def timed_part(schedule: Any) -> Any:
    """What decides by the clock: of a schedule of assets or time, the latter."""
    return timed_part(schedule.timetable) if isinstance(schedule, AssetOrTimeSchedule) else schedule


def _custom_spec(timetable: Any) -> TimetableSpec:
    kind = type(timetable)
    try:
        summary = str(timetable.summary)
    except Exception:  # author code, and only for display
        summary = kind.__name__
    return TimetableSpec(
        kind="custom",
        summary=summary,
        description=str(getattr(timetable, "description", None) or ""),
        active_runs_limit=getattr(timetable, "active_runs_limit", None),
        custom=f"{kind.__module__}.{kind.__qualname__}",
    )


def _is_asset_like(schedule: Any) -> bool:
    if isinstance(schedule, (list, tuple)):
        return all(_is_asset_like(part) for part in schedule)
    return hasattr(schedule, "asset_condition") or any(
        ancestor.__module__.split(".")[:3] == ["tradewind", "sdk", "assets"] for ancestor in type(schedule).__mro__
    )


def _is_relativedelta(value: Any) -> bool:
    # Who has made one has imported its module; nobody else needs to.
    module = sys.modules.get("dateutil.relativedelta")
    return module is not None and isinstance(value, module.relativedelta)


def _one_expression(expression: str | None, cron: str | None) -> str:
    given = [text for text in (expression, cron) if text is not None]
    if len(given) != 1:
        raise TypeError("A cron timetable needs one cron expression.")
    return given[0]


def _triggers(
    expressions: list[str], timezone: str | tzinfo, interval: Delta, run_immediately: bool | timedelta | None
) -> TimetableSpec:
    crons = tuple(cron_spec(expression) for expression in expressions)
    months, window = _months_and_rest(interval)
    immediately = run_immediately.total_seconds() if isinstance(run_immediately, timedelta) else bool(run_immediately)
    return TimetableSpec(
        kind="cron",
        summary=", ".join(cron.expression for cron in crons),
        timezone=_zone_name(timezone, expressions[0]),
        crons=crons,
        window_seconds=window.total_seconds(),
        window_months=months,
        run_immediately=immediately,
    )


def _on_changing_clocks(spec: TimetableSpec, gap: str, fold: str) -> TimetableSpec:
    for name, given, known in (("gap", gap, ("shift", "skip")), ("fold", fold, ("first", "second"))):
        if given not in known:
            raise InvalidSchedule(spec.summary, f"with {name}={given!r}; use {known[0]!r} or {known[1]!r}")
    return replace(spec, gap=gap, fold=fold)


def _every(
    delta: Delta,
    timezone: str | tzinfo,
    *,
    data_interval: bool = False,
    window_months: int = 0,
    window_seconds: float = 0.0,
) -> TimetableSpec:
    months, rest = _months_and_rest(delta)
    if not leads_forward(rest, months):
        raise InvalidSchedule(str(delta), "which does not lead forward; use a positive time")
    return TimetableSpec(
        kind="delta",
        summary=str(delta),
        timezone=_zone_name(timezone, str(delta)),
        delta_seconds=rest.total_seconds(),
        delta_months=months,
        data_interval=data_interval,
        window_months=window_months,
        window_seconds=window_seconds,
    )


def _months_and_rest(delta: Delta) -> tuple[int, timedelta]:
    """A timedelta or relativedelta as calendar months and elapsed time."""
    if isinstance(delta, timedelta):
        return 0, delta
    if not _is_relativedelta(delta):
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


def _zone_name(timezone: str | tzinfo, schedule: str) -> str:
    from tradewind.sdk.timezone import timezone_name

    name = timezone if isinstance(timezone, str) else timezone_name(timezone)
    if zone(name) is None:
        raise InvalidSchedule(schedule, f"whose timezone {name!r} is unknown; use a name such as Asia/Seoul or +09:00")
    return "UTC" if name.upper() in ("UTC", "Z", "") else name


def _moment(event: datetime) -> datetime:
    """A moment as a plain datetime in UTC; one without a timezone means UTC. pendulum has an arithmetic of its own."""
    at = event.replace(tzinfo=UTC) if event.utcoffset() is None else event.astimezone(UTC)
    return datetime(at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond, tzinfo=UTC)


def _shown(interval: core.DataInterval) -> DataInterval:
    return DataInterval(_pendulum(interval.start), _pendulum(interval.end))


def _pendulum(moment: datetime) -> datetime:
    import pendulum

    return pendulum.instance(moment)
