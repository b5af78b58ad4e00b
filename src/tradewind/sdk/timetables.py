"""What a Dag author writes as a schedule, and the TimetableSpec it becomes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

from tradewind.core.timetables.spec import PartitionSpec, TimetableSpec
from tradewind.sdk.cron import CRON_PRESETS, InvalidSchedule, cron_spec
from tradewind.sdk.partitions import IdentityMapper, plain
from tradewind.sdk.schedule_parts import (
    Delta,
    every,
    is_relativedelta,
    months_and_rest,
    on_changing_clocks,
    one_expression,
    triggers,
    zone_name,
)
from tradewind.sdk.timetable_base import (
    DagRunInfo,
    DataInterval,
    KnownTimetable,
    TimeRestriction,
    Timetable,
    custom_spec,
    moment_of,
)

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

_NO_TIME = timedelta(0)


class NullTimetable(KnownTimetable):
    """`schedule=None`: runs exist only on request."""

    can_be_scheduled = False
    periodic = False
    description = "Never, external triggers only"

    def spec(self) -> TimetableSpec:
        return TimetableSpec(kind="never", summary="None", description=self.description)


class OnceTimetable(KnownTimetable):
    """`schedule="@once"`: one run, at the start date or at once."""

    periodic = False
    description = "Once, as soon as possible"

    def spec(self) -> TimetableSpec:
        return TimetableSpec(kind="once", summary="@once", description=self.description)


class ContinuousTimetable(KnownTimetable):
    """`schedule="@continuous"`: the next run starts when the one before has ended."""

    periodic = False
    description = "As frequently as possible, but only one run at a time."
    active_runs_limit = 1

    def spec(self) -> TimetableSpec:
        return TimetableSpec(
            kind="continuous", summary="@continuous", description=self.description, active_runs_limit=1
        )


class CronTriggerTimetable(KnownTimetable):
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
        self.expression = one_expression(expression, cron)
        self.timezone, self.interval, self.run_immediately = timezone, interval, run_immediately
        self.gap, self.fold = gap, fold

    def spec(self) -> TimetableSpec:
        spec = triggers([self.expression], self.timezone, self.interval, self.run_immediately)
        return on_changing_clocks(spec, self.gap, self.fold)


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
        months, rest = months_and_rest(offset)
        moved = PartitionSpec(key_format=self.key_format, months=months, seconds=rest.total_seconds())
        return replace(super().spec(), partition=moved)


class MultipleCronTriggerTimetable(KnownTimetable):
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
        spec = triggers(list(self.crons), self.timezone, self.interval, self.run_immediately)
        return on_changing_clocks(spec, self.gap, self.fold)


class CronDataIntervalTimetable(KnownTimetable):
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
        self.expression = one_expression(expression, cron)
        self.timezone, self.gap, self.fold = timezone, gap, fold

    def spec(self) -> TimetableSpec:
        cron = cron_spec(self.expression)
        spec = TimetableSpec(
            kind="cron",
            summary=cron.expression,
            timezone=zone_name(self.timezone, self.expression),
            crons=(cron,),
            data_interval=True,
        )
        return on_changing_clocks(spec, self.gap, self.fold)


class DeltaTriggerTimetable(KnownTimetable):
    """A run every `delta`, covering `interval` up to it."""

    def __init__(self, delta: Delta, *, interval: Delta = _NO_TIME, timezone: str | tzinfo = "UTC") -> None:
        self.delta, self.interval, self.timezone = delta, interval, timezone

    def spec(self) -> TimetableSpec:
        months, window = months_and_rest(self.interval)
        return every(self.delta, self.timezone, window_months=months, window_seconds=window.total_seconds())


class DeltaDataIntervalTimetable(KnownTimetable):
    """A run for each span of `delta`, due at its end."""

    def __init__(self, delta: Delta, *, timezone: str | tzinfo = "UTC") -> None:
        self.delta, self.timezone = delta, timezone

    def spec(self) -> TimetableSpec:
        return every(self.delta, self.timezone, data_interval=True)


class EventsTimetable(KnownTimetable):
    """A run at each of some given moments."""

    def __init__(
        self,
        event_dates: Iterable[datetime],
        restrict_to_events: bool = False,
        presorted: bool = False,
        description: str | None = None,
    ) -> None:
        dates = list(event_dates)
        self.event_dates = dates if presorted else sorted(dates, key=moment_of)
        self.restrict_to_events = restrict_to_events
        self._label = description
        self.description = description or self._span()

    def spec(self) -> TimetableSpec:
        return TimetableSpec(
            kind="events",
            summary=self._label or f"{len(self.event_dates)} events",
            description=self.description,
            events=tuple(sorted({moment_of(event) for event in self.event_dates})),
            restrict_to_events=self.restrict_to_events,
        )

    def _span(self) -> str:
        if not self.event_dates:
            return "No events"
        first, last = self.event_dates[0].isoformat(), self.event_dates[-1].isoformat()
        return f"{len(self.event_dates)} events between {first} and {last}"


class AssetTriggeredTimetable(KnownTimetable):
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

    def spec(self) -> TimetableSpec:
        return replace(super().spec(), summary="PartitionedAtRuntime")


class PartitionedAssetTimetable(AssetTriggeredTimetable):
    """Runs come from events of partitioned assets; the mappers say which partition each event is for."""

    partitioned = True

    def __init__(self, assets: Any, partition_mapper_config: Any = None, default_partition_mapper: Any = None) -> None:
        super().__init__(assets)
        self.partition_mapper_config = dict(partition_mapper_config or {})
        self.default_partition_mapper = default_partition_mapper or IdentityMapper()

    def spec(self) -> TimetableSpec:
        return replace(super().spec(), summary="Partitioned Asset")

    def partitions(self, most: int) -> dict[str, Any]:
        """Which partition an event is for, as the engine reads it. Raises DagInvalid."""
        said = self.partitions_by_code()
        mappers = [[asset, plain(mapper)] for asset, mapper in said["mappers"]]
        return {"default": plain(said["default"]), "mappers": mappers, "most": most}

    @property
    def has_code(self) -> bool:
        """Whether one of the mappers is code of the author's own."""
        said = self.partitions(0)
        return any(mapper["kind"] == "custom" for mapper in (said["default"], *(m for _, m in said["mappers"])))

    def partitions_by_code(self) -> dict[str, Any]:
        """The same, with the code of mappers of the author's own. Raises DagInvalid."""
        config = self.partition_mapper_config.items()
        return {
            "default": self.default_partition_mapper.as_data(),
            "mappers": [[asset.as_expression(), mapper.as_data()] for asset, mapper in config],
        }


class AssetOrTimeSchedule(KnownTimetable):
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
    create_data_intervals: bool = False,
    create_delta_data_intervals: bool = False,
    dag_id: str = "",
) -> TimetableSpec:
    """The TimetableSpec of whatever stands as `schedule=` in a Dag.

    Cron text and deltas cover data intervals in generation 2 or where `create_data_intervals` says so, deltas also
    where `create_delta_data_intervals` does; otherwise a run is due at the tick itself.
    """
    try:
        intervals = generation == 2 or create_data_intervals
        if isinstance(schedule, timedelta) or is_relativedelta(schedule):
            intervals = intervals or create_delta_data_intervals
        timetable = _timetable(schedule, timezone, data_intervals=intervals)
        spec = timetable.spec() if _speaks_for_itself(timetable) else custom_spec(timetable)
        at_runtime = bool(getattr(timetable, "partitioned_at_runtime", False))
        return replace(spec, partitioned_at_runtime=True) if at_runtime else spec
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
    if isinstance(schedule, timedelta) or is_relativedelta(schedule):
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
        isinstance(timetable, KnownTimetable)
        and kind.next_dagrun_info is KnownTimetable.next_dagrun_info
        and kind.next_dagrun_info_v2 is Timetable.next_dagrun_info_v2
        and kind.generate_run_id is Timetable.generate_run_id
    )


def timed_part(schedule: Any) -> Any:
    """What decides by the clock: of a schedule of assets or time, the latter."""
    return timed_part(schedule.timetable) if isinstance(schedule, AssetOrTimeSchedule) else schedule


def _is_asset_like(schedule: Any) -> bool:
    if isinstance(schedule, (list, tuple)):
        return all(_is_asset_like(part) for part in schedule)
    return hasattr(schedule, "asset_condition") or any(
        ancestor.__module__.split(".")[:3] == ["tradewind", "sdk", "assets"] for ancestor in type(schedule).__mro__
    )
