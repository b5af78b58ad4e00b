"""What a timetable is to author code: the values it speaks in, the class that a custom one derives from, and the class
of those that the scheduler understands by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from tradewind.core import timetables as core
from tradewind.core.timetables.spec import TimetableSpec


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
        return custom_spec(self)

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


class KnownTimetable(Timetable):
    """A timetable that the scheduler understands by itself: its spec says everything."""

    def spec(self) -> TimetableSpec:
        raise NotImplementedError

    @property
    def summary(self) -> str:
        return self.spec().summary

    def validate(self) -> None:
        self.spec()

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        interval = core.manual_interval(self.spec(), moment_of(run_after))
        return DataInterval.exact(run_after) if interval is None else _shown(interval)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next run as of now, for custom timetables that build on this one."""
        earliest, latest = (at and moment_of(at) for at in (restriction.earliest, restriction.latest))
        bounds = core.Restriction(earliest, latest, restriction.catchup)
        last = None
        if last_automated_data_interval is not None:
            span = core.DataInterval(*map(moment_of, last_automated_data_interval))
            last = core.DueRun(span.start, span, span.end)
        run = core.next_run(self.spec(), last, bounds, datetime.now(UTC))
        if run is None:
            return None
        span_shown = None if run.data_interval is None else _shown(run.data_interval)
        return DagRunInfo(_pendulum(run.run_after), span_shown)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, KnownTimetable) and self.spec() == other.spec()

    def __hash__(self) -> int:
        return hash((type(self), self.spec()))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.summary}>"


def custom_spec(timetable: Any) -> TimetableSpec:
    """What the scheduler reads of a timetable that only its own code understands."""
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


def moment_of(event: datetime) -> datetime:
    """A moment as a plain datetime in UTC; one without a timezone means UTC. pendulum has an arithmetic of its own."""
    at = event.replace(tzinfo=UTC) if event.utcoffset() is None else event.astimezone(UTC)
    return datetime(at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond, tzinfo=UTC)


def _shown(interval: core.DataInterval) -> DataInterval:
    return DataInterval(_pendulum(interval.start), _pendulum(interval.end))


def _pendulum(moment: datetime) -> datetime:
    import pendulum

    return pendulum.instance(moment)
