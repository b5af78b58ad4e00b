"""What each name of a template context means, as functions of the attempt that it is about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tradewind.core.timetables.moments import ticks_of
from tradewind.sdk import macros
from tradewind.sdk.configuration import conf
from tradewind.sdk.context import Builder, ConnectionAccessor, Context, Variables
from tradewind.sdk.execution.asset_events import InletEvents, TriggeringEvents, by_uri
from tradewind.sdk.execution.later import Later
from tradewind.sdk.execution.moments import moment, utc
from tradewind.sdk.execution.outlets import OutletEvents
from tradewind.sdk.execution.state_stores import AssetStateStoreAccessors, TaskStateStoreAccessor
from tradewind.sdk.execution.templating import DATE_FORMATS

if TYPE_CHECKING:
    import pendulum

    from tradewind.sdk.execution.attempt import Attempt

_DAY = timedelta(days=1)


def context_of(attempt: Attempt) -> Context:
    """The context of an attempt. Names of dates exist only when its run has a logical date."""
    dated = attempt.offer.run.logical_date_us is not None
    assets = attempt.prepared_task is not None and attempt.prepared_task.names_assets
    values = {"run_id": attempt.offer.run.run_id, "tradewind_skip": [], "ti": attempt.ti, "task_instance": attempt.ti}
    return Context(values, _BUILDERS[dated, assets], attempt)


def _logical(attempt: Attempt) -> pendulum.DateTime:
    date = attempt.ti.dag_run.logical_date
    assert date is not None
    return date


def _formatted(name: str, date: Callable[[Attempt], Any] = _logical) -> Builder:
    convert = DATE_FORMATS[name]

    def build(attempt: Attempt) -> str | None:
        at = date(attempt)
        return None if at is None else convert(at)

    return build


def _shifted(name: str, by: timedelta) -> Builder:
    return _formatted(name, lambda attempt: _logical(attempt) + by)


def _task_key(attempt: Attempt) -> str:
    run = attempt.offer.run
    when = DATE_FORMATS["ds_nodash"](_logical(attempt)) if run.logical_date_us is not None else run.run_id
    return f"{run.dag_id}__{attempt.offer.task_id}__{when}"


def _of_previous_success(name: str) -> Builder:
    """Of the newest successful run before this one; asked of the engine when it is used."""
    return lambda attempt: Later(lambda: getattr(attempt.previous_success, name, None))


def _next_logical(attempt: Attempt) -> Any:
    return attempt.prepared.schedule.next_logical_date(attempt.offer.run)


def _previous_logical(attempt: Attempt) -> Any:
    return attempt.prepared.schedule.previous_logical_date(attempt.offer.run)


_VARIABLES, _CONNECTIONS = Variables(), ConnectionAccessor()
_MACROS: ModuleType = macros

_ALWAYS: dict[str, Builder] = {
    "dag": lambda attempt: attempt.prepared.dag,
    "task": lambda attempt: attempt.task,
    "dag_run": lambda attempt: attempt.ti.dag_run,
    "params": lambda attempt: attempt.params,
    "var": lambda attempt: _VARIABLES,
    "conn": lambda attempt: _CONNECTIONS,
    "macros": lambda attempt: _MACROS,
    "conf": lambda attempt: conf,
    "inlets": lambda attempt: list(getattr(attempt.task, "inlets", None) or ()),
    "outlets": lambda attempt: list(getattr(attempt.task, "outlets", None) or ()),
    "inlet_events": lambda attempt: InletEvents(getattr(attempt.task, "inlets", None) or ()),
    "outlet_events": lambda attempt: OutletEvents(getattr(attempt.task, "outlets", None) or ()),
    "triggering_asset_events": lambda attempt: TriggeringEvents(attempt.offer.run),
    "triggering_dataset_events": lambda attempt: by_uri(attempt.offer.run),
    "task_state_store": lambda attempt: TaskStateStoreAccessor(
        attempt.offer.run.dag_id, attempt.offer.run.run_id, attempt.offer.task_id, attempt.offer.map_index
    ),
    "map_index_template": lambda attempt: getattr(attempt.task, "map_index_template", None),
    "partition_key": lambda attempt: attempt.ti.dag_run.partition_key,
    "partition_date": lambda attempt: attempt.ti.dag_run.partition_date,
    "task_instance_key_str": _task_key,
    "task_reschedule_count": lambda attempt: attempt.offer.leg,
    "test_mode": lambda attempt: False,
    "prev_start_date_success": _of_previous_success("start_date"),
    "prev_end_date_success": _of_previous_success("end_date"),
}
_DATED: dict[str, Builder] = {
    **_ALWAYS,
    "logical_date": _logical,
    "ds": _formatted("ds"),
    "ds_nodash": _formatted("ds_nodash"),
    "ts": _formatted("ts"),
    "ts_nodash": _formatted("ts_nodash"),
    "ts_nodash_with_tz": _formatted("ts_nodash_with_tz"),
    "data_interval_start": lambda attempt: attempt.ti.dag_run.data_interval_start,
    "data_interval_end": lambda attempt: attempt.ti.dag_run.data_interval_end,
    "prev_data_interval_start_success": _of_previous_success("data_interval_start"),
    "prev_data_interval_end_success": _of_previous_success("data_interval_end"),
    # Names of Airflow 2.
    "execution_date": _logical,
    "prev_execution_date_success": _of_previous_success("logical_date"),
    "next_execution_date": _next_logical,
    "next_ds": _formatted("ds", _next_logical),
    "next_ds_nodash": _formatted("ds_nodash", _next_logical),
    "prev_execution_date": _previous_logical,
    "prev_ds": _formatted("ds", _previous_logical),
    "prev_ds_nodash": _formatted("ds_nodash", _previous_logical),
    "yesterday_ds": _shifted("ds", -_DAY),
    "yesterday_ds_nodash": _shifted("ds_nodash", -_DAY),
    "tomorrow_ds": _shifted("ds", _DAY),
    "tomorrow_ds_nodash": _shifted("ds_nodash", _DAY),
}
_WITH_ASSETS: dict[str, Builder] = {
    "asset_state_store": lambda attempt: AssetStateStoreAccessors(
        getattr(attempt.task, "inlets", None) or (), getattr(attempt.task, "outlets", None) or ()
    ),
}
_BUILDERS = {
    (False, False): _ALWAYS,
    (True, False): _DATED,
    (False, True): {**_ALWAYS, **_WITH_ASSETS},
    (True, True): {**_DATED, **_WITH_ASSETS},
}
"""By whether the run has a logical date, and whether the task has assets among its inlets and outlets."""


class Schedule:
    """The neighbours of a run in its Dag's schedule, for the names that Airflow 2 had for them."""

    def __init__(self, spec: Any) -> None:
        self._spec = spec
        self._ticks = ticks_of(spec) if spec is not None and spec.kind != "delta" else None

    def next_logical_date(self, run: Any) -> Any:
        """Logical date of the following run; of a run that no schedule made, its own."""
        at = moment(run.logical_date_us)
        if run.run_type not in ("scheduled", "backfill"):
            return at
        if self._ticks is not None:
            return _pendulum(self._ticks.after(utc(run.logical_date_us)))
        return at + self._gap(run)

    def previous_logical_date(self, run: Any) -> Any:
        """Logical date of the run before; of a run that no schedule made, its own."""
        at = moment(run.logical_date_us)
        if run.run_type not in ("scheduled", "backfill"):
            return at
        if self._ticks is not None:
            return _pendulum(self._ticks.before(utc(run.logical_date_us)))
        return at - self._gap(run)

    def _gap(self, run: Any) -> timedelta:
        spec = self._spec
        if spec is not None and spec.kind == "delta" and not spec.delta_months:
            return timedelta(seconds=spec.delta_seconds or 0)
        if run.data_interval_start_us is None or run.data_interval_end_us is None:
            return timedelta()
        return timedelta(microseconds=run.data_interval_end_us - run.data_interval_start_us)


def _pendulum(at: Any) -> Any:
    import pendulum

    return None if at is None else pendulum.instance(at)
