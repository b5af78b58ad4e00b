"""Everything about a Dag that does not depend on the attempt, done once before any attempt is forked.

After `prepare` an attempt of a no-op task imports nothing, compiles nothing and inspects nothing.
"""

from __future__ import annotations

import _strptime  # type: ignore[import-not-found]  # noqa: F401 - imported by the first strptime()
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jinja2.debug  # noqa: F401 - used by Jinja the first time that a template fails
import pendulum

from tradewind.core.errors import TradewindError
from tradewind.sdk.callables import names_of
from tradewind.sdk.configuration import conf
from tradewind.sdk.execution import xcom_codec
from tradewind.sdk.execution.facts import Schedule
from tradewind.sdk.execution.masking import SHORTEST, masker
from tradewind.sdk.execution.moments import microseconds, moment
from tradewind.sdk.execution.shown import shown_fields
from tradewind.sdk.execution.state_stores import names_assets
from tradewind.sdk.execution.templating import Templates, make_environment
from tradewind.sdk.node import mapped_group_of
from tradewind.sdk.xcom_arg import ResolveMixin, references
from tradewind.wire.messages import RunInfo

_DEEPEST = 50
"""Values nested deeper than this are taken for what cannot be known beforehand."""


class UnknownTask(TradewindError):
    """The Dag file as it is now has no such task."""

    def __init__(self, dag_id: str, task_id: str) -> None:
        super().__init__(
            f"Dag {dag_id!r} has no task {task_id!r} in its file any more; bring it back or clear the run."
        )
        self.dag_id, self.task_id = dag_id, task_id


class PreparedTask:
    """One authored task with what its attempts share."""

    def __init__(self, task: Any, templates: Templates, mapped_keys: frozenset[str]) -> None:
        self.task = task
        self.task_id: str = task.task_id
        self.templates = templates
        self.mapped = bool(getattr(task, "is_mapped", False))
        self.fields: tuple[str, ...] = tuple(getattr(task, "template_fields", None) or ())
        self.names_assets = names_assets(task)
        """Its context has an asset_state_store."""
        self.expanded_over = mapped_keys
        """Keys under which other tasks expand over what this one leaves."""
        self.open_fields: tuple[str, ...] = self.fields
        """The fields that rendering may change."""
        self.reads = frozenset((source.task_id, key) for source, key in _references(task))
        """(task_id, key) of every XCom that an offer carries when it exists."""
        self.label: str | None = getattr(task, "map_index_template", None)
        if not self.mapped:
            self.open_fields = tuple(name for name in self.fields if not self._is_fixed(getattr(task, name, None)))
        own_class = task.operator_class if self.mapped else type(task)
        self.renders_itself = _is_authors(own_class, "render_template_fields")
        self.prepares_itself = [
            name for name in ("prepare_template", "resolve_template_files") if _is_authors(own_class, name)
        ]
        self.is_fixed = not (self.mapped or self.renders_itself or self.prepares_itself) and all(
            self._is_plain(getattr(task, name, None)) for name in self.open_fields
        )
        """Rendering would leave the operator as it is."""
        self.shown: bytes | None = None
        """With `is_fixed`: the template fields as people may see them, knowing this many secrets."""
        self.shown_with = -1

    @property
    def extensions(self) -> tuple[str, ...]:
        return tuple(getattr(self.task, "template_ext", None) or ())

    def compile(self) -> None:
        """Compile every template in the task's arguments; one that is not valid Jinja fails when it is rendered."""
        values = [getattr(self.task, name, None) for name in self.fields] if not self.mapped else [
            self.task.partial_kwargs, getattr(self.task.expand_input, "value", None)
        ]  # fmt: skip
        for text in strings([*values, self.label]):
            if not self.templates.is_fixed(text) and not (self.extensions and text.endswith(self.extensions)):
                try:
                    self.templates.compiled(text)
                except Exception:  # said with the task's name and field when an attempt renders it
                    continue
        function = getattr(self.task, "python_callable", None)
        if callable(function):
            names_of(function)

    def _is_plain(self, value: Any, depth: int = 0) -> bool:
        """Nothing in this value is a template. What an array or a frame is when taken for true or false is an error,
        so only Python's own containers are looked into."""
        if type(value) is dict:
            value = tuple(value.values())
        if type(value) in (tuple, list, set, frozenset):
            return depth < _DEEPEST and all(self._is_plain(item, depth + 1) for item in value)
        return self._is_fixed(value)

    def _is_fixed(self, value: Any) -> bool:
        if isinstance(value, str):
            return self.templates.is_fixed(value) and not (self.extensions and value.endswith(self.extensions))
        return value is None or isinstance(value, (int, float))


class PreparedDag:
    """A Dag ready to run attempts; made by `prepare`."""

    def __init__(self, dag: Any) -> None:
        self.dag = dag
        self._environments: dict[bool, Templates] = {}
        self._native = bool(getattr(dag, "render_template_as_native_obj", False))
        spec = _timetable_spec(dag)
        self.schedule = Schedule(spec)
        self._own_timetable = spec is not None and spec.kind == "custom"
        tasks = list(dag.tasks)
        expanded = _expanded_over(tasks)
        self.tasks: dict[str, PreparedTask] = {}
        for task in tasks:
            wanted = getattr(task, "render_template_as_native_obj", None)
            templates = self.templates(self._native if wanted is None else bool(wanted))
            self.tasks[task.task_id] = PreparedTask(task, templates, frozenset(expanded.get(task.task_id, ())))

    def templates(self, native: bool) -> Templates:
        """The environment that gives text, or the one that gives native values."""
        if native not in self._environments:
            self._environments[native] = Templates(make_environment(self.dag, native=native))
        return self._environments[native]

    def fill_interval(self, run: RunInfo) -> None:
        """What a run made by hand covers, where only the code of the Dag's own timetable can say."""
        if not self._own_timetable or run.logical_date_us is None or run.data_interval_start_us is not None:
            return
        from tradewind.sdk.timetables import timed_part

        interval = timed_part(self.dag.schedule).infer_manual_data_interval(run_after=moment(run.logical_date_us))
        if interval is not None:
            run.data_interval_start_us = microseconds(interval.start)
            run.data_interval_end_us = microseconds(interval.end)

    def task(self, task_id: str) -> PreparedTask:
        try:
            return self.tasks[task_id]
        except KeyError:
            raise UnknownTask(self.dag.dag_id, task_id) from None


def prepare(dag: Any) -> PreparedDag:
    """Do for a Dag what its attempts would otherwise each do: compile templates, import, inspect, warm up."""
    prepared = PreparedDag(dag)
    masker().add_names(conf.get("core", "sensitive_var_conn_names", "").split(","))
    masker().goes_by_name = conf.getboolean("core", "hide_sensitive_var_conn_fields", fallback=True)
    masker().shortest = conf.getint("logging", "min_length_masked_secret", fallback=SHORTEST)
    for task in prepared.tasks.values():
        task.compile()
        if task.is_fixed:
            task.shown, task.shown_with = shown_fields(task.task), masker().secrets
    xcom_codec.know_types_of(_namespaces(dag))
    if any(getattr(param, "schema", None) for param in _params(dag)):
        import jsonschema  # type: ignore[import-untyped]  # noqa: F401
    _warm_up()
    return prepared


def strings(value: Any, depth: int = 0) -> Iterator[str]:
    """Every string in a nested value, keys left out."""
    if isinstance(value, str):
        yield value
    elif depth > _DEEPEST or value is None or isinstance(value, (ResolveMixin, type)):
        return
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from strings(part, depth + 1)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for part in value:
            yield from strings(part, depth + 1)
    elif isinstance(getattr(value, "template_fields", None), (list, tuple, set)):
        for name in value.template_fields:
            yield from strings(getattr(value, name, None), depth + 1)


def _expanded_over(tasks: list[Any]) -> dict[str, set[str]]:
    """By task id, the keys that mapped tasks expand over."""
    found: dict[str, set[str]] = {}
    for task in tasks:
        for part in (task, mapped_group_of(task)):
            for source, key in part.expand_input.references() if getattr(part, "is_mapped", False) else ():
                found.setdefault(source.task_id, set()).add(key)
    return found


def _references(task: Any) -> Iterable[tuple[Any, str]]:
    if hasattr(task, "iter_references"):
        return task.iter_references()  # type: ignore[no-any-return]
    return references([getattr(task, name, None) for name in getattr(task, "template_fields", None) or ()])


def _is_authors(kind: type, name: str) -> bool:
    """Whether the class has a method of this name that is not the SDK's."""
    module = getattr(getattr(kind, name, None), "__module__", None) or "tradewind."
    return not module.startswith("tradewind.")


def _params(dag: Any) -> Iterator[Any]:
    for owner in (dag, *dag.tasks):
        params: Any = getattr(owner, "params", None)
        if hasattr(params, "raw"):
            yield from params.raw().values()


def _namespaces(dag: Any) -> Iterator[Mapping[str, Any]]:
    """The modules in which the Dag's own classes live: its file, and those of its functions."""
    file = getattr(dag, "fileloc", None)
    for module in list(sys.modules.values()):
        if file and getattr(module, "__file__", None) == file:
            yield vars(module)
    for task in dag.tasks:
        function: Any = getattr(task, "python_callable", None)
        if isinstance(getattr(function, "__globals__", None), dict):
            yield function.__globals__


def _timetable_spec(dag: Any) -> Any:
    """The Dag's schedule as values; None when it has none that could be asked."""
    from tradewind.sdk.timetables import timetable_spec

    zone = getattr(dag, "timezone", None)
    name = getattr(zone, "key", None) or getattr(zone, "name", None) or "UTC"
    try:
        return timetable_spec(getattr(dag, "schedule", None), timezone=name, generation=getattr(dag, "generation", 3))
    except Exception:  # a schedule that cannot be understood was refused at parse time
        return None


def _warm_up() -> None:
    """Use once what sets itself up at its first use."""
    import zoneinfo

    at = pendulum.datetime(2024, 1, 1, tz="Europe/Paris")
    at.add(days=1).in_timezone("UTC").isoformat()
    at.strftime("%Y-%m-%d")
    zoneinfo.ZoneInfo("UTC")
    xcom_codec.decode(xcom_codec.encode({"a": [at, 1.5]}))
