"""DAG: what a Dag's author says about it, and the tasks that belong to it."""

from __future__ import annotations

import copy
import functools
import inspect
import itertools
import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, NoReturn

from tradewind.sdk import values
from tradewind.sdk.assets import Dataset, condition_of
from tradewind.sdk.callables import signature
from tradewind.sdk.configuration import conf
from tradewind.sdk.deadline import DeadlineAlert
from tradewind.sdk.exceptions import AirflowException, DuplicateTaskIdFound, NodeNotFound
from tradewind.sdk.graph import in_order
from tradewind.sdk.node import Task, validate_key
from tradewind.sdk.params import DagParam, ParamsDict
from tradewind.sdk.registry import DagContext
from tradewind.sdk.setup_teardown import SetupTeardownContext
from tradewind.sdk.task_group import TaskGroup
from tradewind.sdk.timezone import aware, default_timezone, parse_timezone
from tradewind.sdk.types import NOTSET

if TYPE_CHECKING:
    from tradewind.sdk.execution.dag_run import DagRun
    from tradewind.sdk.mapped import MappedOperator
    from tradewind.sdk.operator import BaseOperator

_RENAMED = {"concurrency": "max_active_tasks", "fail_stop": "fail_fast"}
_WITHOUT_EFFECT = ("default_view", "orientation", "full_filepath")
_serial = itertools.count()


class DAG:
    """A graph of tasks and when it runs. Takes the arguments of both Airflow generations."""

    def __init__(
        self,
        dag_id: str,
        description: str | None = None,
        default_args: Mapping[str, Any] | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        schedule: Any = NOTSET,
        template_searchpath: str | Iterable[str] | None = None,
        template_undefined: Any = None,
        user_defined_macros: dict[str, Any] | None = None,
        user_defined_filters: dict[str, Any] | None = None,
        max_active_tasks: int | None = None,
        max_active_runs: int | None = None,
        max_consecutive_failed_dag_runs: int | None = None,
        dagrun_timeout: timedelta | None = None,
        deadline: Any = None,
        catchup: bool | None = None,
        on_success_callback: Any = None,
        on_failure_callback: Any = None,
        doc_md: str | None = None,
        params: Mapping[str, Any] | None = None,
        access_control: dict[str, Any] | None = None,
        is_paused_upon_creation: bool | None = None,
        jinja_environment_kwargs: dict[str, Any] | None = None,
        render_template_as_native_obj: bool = False,
        tags: Collection[str] | None = None,
        owner_links: dict[str, str] | None = None,
        auto_register: bool = True,
        fail_fast: bool = False,
        allowed_run_types: Any = None,
        dag_display_name: str | None = None,
        task_group: TaskGroup | None = None,
        disable_bundle_versioning: bool = False,
        rerun_with_latest_version: bool | None = None,
        schedule_interval: Any = NOTSET,
        timetable: Any = None,
        tradewind_asset_policy: str = "coalesce",
        **older: Any,
    ) -> None:
        validate_key(dag_id, "The dag_id")
        self.dag_id, self.serial = dag_id, next(_serial)
        where = self._where = f"Dag {dag_id!r}"
        self.notices: list[str] = []
        sla_miss_callback = older.pop("sla_miss_callback", None)
        older = self._translate(older)
        max_active_tasks = older.get("max_active_tasks", max_active_tasks)
        fail_fast = older.get("fail_fast", fail_fast)

        self.description, self.doc_md, self.dag_display_name = description, doc_md, dag_display_name or dag_id
        self.fileloc = _caller_file()
        self.default_args: dict[str, Any] = copy.copy(dict(default_args or {}))
        self._set_dates(start_date, end_date)
        self._set_schedule(schedule, schedule_interval, timetable)
        self.tradewind_asset_policy = tradewind_asset_policy
        if catchup is None:
            fallback = conf.getboolean("scheduler", "catchup_by_default")
            catchup = fallback or (self.generation == 2 and not _is_set("scheduler", "catchup_by_default"))
        self.catchup = bool(catchup)

        self.max_active_tasks = self._limit("max_active_tasks", max_active_tasks, "max_active_tasks_per_dag")
        self.max_active_runs = self._limit("max_active_runs", max_active_runs, "max_active_runs_per_dag")
        self.max_consecutive_failed_dag_runs = self._limit(
            "max_consecutive_failed_dag_runs",
            max_consecutive_failed_dag_runs,
            "max_consecutive_failed_dag_runs_per_dag",
        )
        self.dagrun_timeout = values.duration(dagrun_timeout, "dagrun_timeout", where)
        self.deadline, self.fail_fast = deadline, fail_fast
        self.sla_miss_callback = sla_miss_callback
        if sla_miss_callback is not None and self.generation >= 3:
            self.notices.append(f"{where}: sla_miss_callback= is accepted and has no effect; deadline= has.")
        for alert in self.deadlines:
            if not isinstance(alert, DeadlineAlert):
                raise TypeError(f"{where}: deadline= holds {alert!r}; give a DeadlineAlert or a list of them.")
        self.on_success_callback, self.on_failure_callback = on_success_callback, on_failure_callback
        self.params = ParamsDict({**self.default_args.pop("params", {}), **dict(params or {})}) if not isinstance(
            params, ParamsDict
        ) else ParamsDict(params)  # fmt: skip
        self.access_control, self.is_paused_upon_creation = access_control, is_paused_upon_creation
        self.template_searchpath = [template_searchpath] if isinstance(template_searchpath, str) else (
            list(template_searchpath) if template_searchpath is not None else None
        )  # fmt: skip
        self.template_undefined = template_undefined
        self.user_defined_macros, self.user_defined_filters = user_defined_macros, user_defined_filters
        self.jinja_environment_kwargs = jinja_environment_kwargs
        self.render_template_as_native_obj = render_template_as_native_obj
        self.tags, self.owner_links = set(tags or ()), dict(owner_links or {})
        self.auto_register, self.allowed_run_types = auto_register, allowed_run_types
        self.disable_bundle_versioning = disable_bundle_versioning
        self.rerun_with_latest_version = rerun_with_latest_version

        self.task_dict: dict[str, Task] = {}
        self.edge_info: dict[str, dict[str, dict[str, Any]]] = {}
        self.used_ids: set[str] = set()
        self.task_group = task_group or TaskGroup.create_root(self)
        self.task_group.dag = self

    # --- tasks ----------------------------------------------------------------------------------------------------

    def add_task(self, task: Any) -> None:
        """Take in a task; its id must be new."""
        known = self.task_dict.get(task.task_id)
        if known is task:
            return
        if known is not None or task.task_id in self.used_ids:
            raise DuplicateTaskIdFound(
                f"Dag {self.dag_id!r}: task id {task.task_id!r} has already been added; give one of the two another id."
            )
        task._dag = self
        if task.task_group is None:
            task.task_group = self.task_group
        task.task_group.add(task)
        self.task_dict[task.task_id] = task
        self.used_ids.add(task.task_id)
        self.notices += getattr(task, "notices", ())
        SetupTeardownContext.register(task)

    def add_tasks(self, tasks: Iterable[Any]) -> None:
        for task in tasks:
            self.add_task(task)

    @property
    def tasks(self) -> list[BaseOperator | MappedOperator]:
        return list(self.task_dict.values())  # type: ignore[arg-type]

    @property
    def task_ids(self) -> list[str]:
        return list(self.task_dict)

    def has_task(self, task_id: str) -> bool:
        return task_id in self.task_dict

    def get_task(self, task_id: str, include_subdags: bool = False) -> Any:
        """The task of this id."""
        if task_id not in self.task_dict:
            raise NodeNotFound(
                f"Dag {self.dag_id!r} has no task {task_id!r}; it has {', '.join(self.task_dict) or 'none'}."
            )
        return self.task_dict[task_id]

    @property
    def task_group_dict(self) -> dict[str | None, TaskGroup]:
        """Every group by id, the root left out."""
        return {key: group for key, group in self.task_group.get_task_group_dict().items() if key is not None}

    @property
    def roots(self) -> list[Any]:
        return [task for task in self.tasks if not task.upstream_task_ids]

    @property
    def leaves(self) -> list[Any]:
        return [task for task in self.tasks if not task.downstream_task_ids]

    def topological_sort(self) -> tuple[Any, ...]:
        """The tasks, each after everything it waits for; a cycle is an error that names it."""
        return tuple(in_order(self))

    def check_cycle(self) -> None:
        """Raise if tasks wait for each other in a circle."""
        in_order(self)

    def set_dependency(self, upstream_task_id: str, downstream_task_id: str) -> None:
        self.get_task(upstream_task_id).set_downstream(self.get_task(downstream_task_id))

    def set_edge_info(self, upstream_task_id: str, downstream_task_id: str, info: dict[str, Any]) -> None:
        self.edge_info.setdefault(upstream_task_id, {})[downstream_task_id] = info

    def get_edge_info(self, upstream_task_id: str, downstream_task_id: str) -> dict[str, Any]:
        return self.edge_info.get(upstream_task_id, {}).get(downstream_task_id, {})

    # --- the rest of what authors ask -----------------------------------------------------------------------------

    def param(self, name: str, default: Any = NOTSET) -> DagParam:
        """A stand-in for the run's value of a param."""
        return DagParam(self, name, default)

    @property
    def owner(self) -> str:
        """Every owner of its tasks, joined by commas."""
        return ", ".join(dict.fromkeys(str(task.owner) for task in self.tasks))

    @property
    def folder(self) -> str:
        """The folder of its file."""
        return os.path.dirname(self.fileloc)

    @property
    def display_name(self) -> str:
        return self.dag_display_name

    @property
    def has_on_success_callback(self) -> bool:
        return bool(values.callables(self.on_success_callback))

    @property
    def has_on_failure_callback(self) -> bool:
        return bool(values.callables(self.on_failure_callback))

    @property
    def deadlines(self) -> list[DeadlineAlert]:
        """Its DeadlineAlerts, as a list."""
        return values.listed(self.deadline)

    def callbacks(self, event: str) -> list[Any]:
        """The callbacks of `on_success` or `on_failure`, as a list."""
        return values.callables(getattr(self, f"{event}_callback"))

    def validate(self) -> None:
        """Raise for anything that would keep it from being scheduled."""
        from tradewind.sdk.serialize import dag_spec

        dag_spec(self, self.fileloc)

    def test(
        self,
        logical_date: datetime | None = None,
        run_conf: Mapping[str, Any] | None = None,
        conn_file_path: str | None = None,
        variable_file_path: str | None = None,
        use_executor: bool = False,
        mark_success_pattern: str | None = None,
        execution_date: datetime | None = None,
        **_: Any,
    ) -> DagRun:
        """Run it once in the terminal, like `tradewind run`, in processes of its own; the state says how it ended."""
        from tradewind.sdk.dag_test import run_in_terminal

        return run_in_terminal(
            self.dag_id, self.fileloc, logical_date=logical_date or execution_date, conf=run_conf,
            variables=variable_file_path, connections=conn_file_path, mark_success=mark_success_pattern,
        )  # fmt: skip

    def cli(self, *_: Any, **__: Any) -> NoReturn:
        """Tradewind runs a file from the command line instead."""
        raise AirflowException(f"{self._where}: use `tradewind run {self.fileloc}` to run it without a server.")

    def __enter__(self) -> DAG:
        DagContext.push(self)
        return self

    def __exit__(self, *_: object) -> None:
        DagContext.pop()

    def __lt__(self, other: DAG) -> bool:
        return self.dag_id < other.dag_id

    def __repr__(self) -> str:
        return f"<DAG: {self.dag_id}>"

    # --- construction ---------------------------------------------------------------------------------------------

    def _translate(self, older: dict[str, Any]) -> dict[str, Any]:
        """Arguments of the 2.x generation under their new names; what nobody knows is a TypeError."""
        unknown = sorted(name for name in older if name not in _RENAMED and name not in _WITHOUT_EFFECT)
        if unknown:
            known = [*signature(DAG).parameters, *_RENAMED]
            raise TypeError(
                f"{self._where}: DAG() got an unexpected argument {unknown[0]!r}{_hint(unknown[0], known)}."
            )
        for name, value in older.items():
            if name in _RENAMED:
                self.notices.append(f"{self._where}: {name}= is now called {_RENAMED[name]}=.")
            elif value is not None:
                self.notices.append(f"{self._where}: {name}= is accepted and has no effect.")
        return {_RENAMED[name]: value for name, value in older.items() if name in _RENAMED and value is not None}

    def _set_dates(self, start_date: Any, end_date: Any) -> None:
        default_start = self.default_args.get("start_date")
        zone: tzinfo | None = getattr(start_date, "tzinfo", None) or getattr(default_start, "tzinfo", None)
        if zone is not None and (named := getattr(zone, "key", None) or getattr(zone, "name", None)):
            zone = parse_timezone(str(named)) if isinstance(named, str) and named else zone
        self.timezone: tzinfo = zone or default_timezone()
        for name in ("start_date", "end_date"):
            if self.default_args.get(name) is not None:
                self.default_args[name] = self._moment(name, self.default_args[name])
        self.start_date = self._moment("start_date", start_date) or self.default_args.get("start_date")
        self.end_date = self._moment("end_date", end_date) or self.default_args.get("end_date")

    def _moment(self, name: str, value: Any) -> datetime | None:
        try:
            return aware(value, self.timezone)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{self._where}: {name} is not a datetime: {error}") from None

    def _set_schedule(self, schedule: Any, schedule_interval: Any, timetable: Any) -> None:
        given = [
            name for name, value in
            (("schedule", schedule), ("schedule_interval", schedule_interval), ("timetable", timetable or NOTSET))
            if value is not NOTSET
        ]  # fmt: skip
        if len(given) > 1:
            raise TypeError(f"{self._where}: give one of {' and '.join(given)}, not both.")
        self.generation = 2 if given and given[0] != "schedule" else 3
        if self.generation == 2:
            old = given[0]
            schedule = schedule_interval if old == "schedule_interval" else timetable
            modern = f"schedule={schedule!r}" if isinstance(schedule, str) else "schedule="
            self.notices.append(
                f"{self._where}: {old}= is Airflow 2 spelling, so this Dag gets data intervals and catchup as Airflow "
                f"2 has them; the modern form is {modern}."
            )
        elif _waits_for_datasets(schedule):
            self.generation = 2  # its runs have logical dates, as code of that generation counts on
        self.schedule = None if schedule is NOTSET else schedule

    @property
    def schedule_interval(self) -> Any:
        return self.schedule

    def _limit(self, name: str, value: Any, key: str) -> int:
        return values.whole(conf.getint("core", key) if value is None else value, name, self._where, at_least=0)


def _waits_for_datasets(schedule: Any) -> bool:
    condition = None if hasattr(schedule, "timetable") else condition_of(schedule)
    return condition is not None and any(isinstance(asset, Dataset) for asset in condition.iter_assets())


def dag(dag_id_or_func: Any = None, **kwargs: Any) -> Any:
    """Makes a function into a Dag: `@dag` or `@dag(schedule=…)`. A call of the function defines the Dag; its arguments
    are the Dag's params."""

    def decorate(function: Callable[..., Any]) -> Callable[..., DAG]:
        @functools.wraps(function)
        def factory(*args: Any, **kw: Any) -> DAG:
            bound = signature(function).bind(*args, **kw)
            bound.apply_defaults()
            settings = {"doc_md": inspect.getdoc(function), **kwargs}
            with DAG(dag_id or function.__name__, **settings) as made:
                function(**{name: made.param(name, value) for name, value in bound.arguments.items()})
            return made

        return factory

    if callable(dag_id_or_func):
        dag_id: str | None = kwargs.pop("dag_id", None)
        return decorate(dag_id_or_func)
    dag_id = dag_id_or_func or kwargs.pop("dag_id", None)
    return decorate


def _caller_file() -> str:
    """The file that is creating the Dag: the first frame outside the SDK."""
    here = os.path.dirname(os.path.abspath(__file__))
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((here, functools.__file__)):
        frame = frame.f_back
    return os.path.abspath(frame.f_code.co_filename)


def _is_set(section: str, key: str) -> bool:
    """Whether somebody configured this, as opposed to its default."""
    name = f"__{section.upper()}__{key.upper()}"
    return any(prefix + name in os.environ for prefix in ("TRADEWIND", "AIRFLOW"))


def _hint(name: str, known: Iterable[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else "; see the reference for what it takes"
