"""MappedOperator: one authored task that becomes many instances, one for each element of what it expands over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from tradewind.sdk.arguments import Surroundings, construct, inherited_defaults, parameters, surroundings
from tradewind.sdk.expand_input import DictOfLists, ExpandInput, ListOfDicts, refuse_repeated
from tradewind.sdk.node import Task
from tradewind.sdk.operator import BaseOperator, describe
from tradewind.sdk.xcom_arg import Pull, references

if TYPE_CHECKING:
    pass

_NEVER_MAPPED = frozenset(
    {
        "task_id", "dag", "task_group", "default_args", "start_date", "end_date", "retries", "retry_delay",
        "retry_exponential_backoff", "max_retry_delay", "retry_policy", "pool", "pool_slots", "queue",
        "priority_weight", "weight_rule", "trigger_rule", "depends_on_past", "ignore_first_depends_on_past",
        "wait_for_downstream", "wait_for_past_depends_before_skipping", "max_active_tis_per_dag",
        "max_active_tis_per_dagrun", "executor", "run_as_user", "resources", "map_index_template",
    }
)  # fmt: skip


class OperatorPartial:
    """An operator class with some of its arguments; `expand` or `expand_kwargs` makes the mapped task."""

    def __init__(self, operator_class: type[BaseOperator], kwargs: dict[str, Any]) -> None:
        self.operator_class, self.kwargs = operator_class, kwargs
        self._surroundings = surroundings(kwargs)
        self._where = describe(str(kwargs.get("task_id")), self._surroundings.dag)
        refuse_unknown(operator_class, kwargs, "partial", self._where)

    def expand(self, **mapped_kwargs: Any) -> MappedOperator:
        """One instance for each combination of the lists."""
        refuse_unknown(self.operator_class, mapped_kwargs, "expand", self._where)
        refuse_repeated(mapped_kwargs, self.kwargs, self._where)
        return self._mapped(DictOfLists(mapped_kwargs, self._where))

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> MappedOperator:
        """One instance for each dict of arguments."""
        return self._mapped(ListOfDicts(kwargs, self._where))

    def _mapped(self, expand_input: ExpandInput) -> MappedOperator:
        return MappedOperator(self.operator_class, self.kwargs, expand_input, self._surroundings)


class MappedOperator(Task):
    """A task that is expanded when its run knows over what. Attributes are those of the operator it will become."""

    is_mapped: ClassVar[bool] = True

    def __init__(
        self,
        operator_class: type[BaseOperator],
        partial_kwargs: dict[str, Any],
        expand_input: ExpandInput,
        where: Surroundings,
        *,
        into: str | None = None,
    ) -> None:
        self.operator_class = operator_class
        self.expand_input = expand_input
        self.into = into
        """The argument that takes the expanded values: `op_kwargs` for a decorated function, None for themselves."""
        self.partial_kwargs = {k: v for k, v in partial_kwargs.items() if k not in ("dag", "task_group")}
        self.task_group = where.group
        task_id = str(partial_kwargs["task_id"])
        self.task_id = where.group.child_id(task_id) if where.group is not None else task_id
        shared = {k: v for k, v in self.partial_kwargs.items() if k in parameters(BaseOperator) and k != "task_id"}
        self.settings: BaseOperator = construct(
            BaseOperator,
            {**shared, "task_id": self.task_id},
            Surroundings(where.dag, where.group, where.default_args, detached=True),
        )
        """A plain operator with the arguments that the scheduler cares for."""
        self.trigger_rule = self.settings.trigger_rule
        self.upstream_task_ids, self.downstream_task_ids = set(), set()
        if where.dag is not None:
            where.dag.add_task(self)
        for upstream, _ in (*references(self._templated()), *expand_input.references()):
            if upstream.task_id not in self.upstream_task_ids:
                self.set_upstream(upstream)

    def kwargs_for(self, map_index: int, pull: Pull) -> dict[str, Any]:
        """The arguments of one instance; `pull` fetches what other tasks left."""
        return self.expand_input.kwargs_for(map_index, pull)

    def unmap(self, kwargs: Mapping[str, Any]) -> BaseOperator:
        """The operator of one instance, given the arguments that are its own (see `kwargs_for`)."""
        merged = dict(self.partial_kwargs)
        if self.into is None:
            refuse_unknown(self.operator_class, kwargs, "expand", describe(self.task_id, self._dag))
            refuse_repeated(
                kwargs, {k: v for k, v in merged.items() if k != "task_id"}, describe(self.task_id, self._dag)
            )
            merged.update(kwargs)
        else:
            merged[self.into] = {**merged.get(self.into, {}), **kwargs}
        merged["task_id"] = self.task_id
        defaults = {**inherited_defaults(self._dag, self.task_group), **(merged.get("default_args") or {})}
        task: BaseOperator = construct(
            self.operator_class, merged, Surroundings(self._dag, self.task_group, defaults, detached=True)
        )
        task.upstream_task_ids, task.downstream_task_ids = set(self.upstream_task_ids), set(self.downstream_task_ids)
        task.trigger_rule, task.is_setup, task.is_teardown = self.trigger_rule, self.is_setup, self.is_teardown
        task.on_failure_fail_dagrun = self.on_failure_fail_dagrun
        return task

    def iter_references(self) -> Any:
        """(task, key) of every XCom that its arguments, shared and expanded, need."""
        yield from references(self._templated())
        yield from self.expand_input.references()

    def iter_mapped_dependencies(self) -> Any:
        """The tasks whose results decide how many instances there are."""
        return (task for task, _ in self.expand_input.references())

    @property
    def task_type(self) -> str:
        return self.operator_class.__name__

    @property
    def operator_name(self) -> str:
        return getattr(self.operator_class, "custom_operator_name", None) or self.task_type

    def _templated(self) -> list[Any]:
        defaults = self.settings.dag.default_args if self.settings.has_dag() else {}
        return [self.partial_kwargs.get(name, defaults.get(name)) for name in self.operator_class.template_fields]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "settings" not in self.__dict__:
            raise AttributeError(name)
        own = self.__dict__["operator_class"]
        if hasattr(own, name) and name not in self.settings.__dict__ and not hasattr(BaseOperator, name):
            return getattr(own, name)
        if name in ("template_fields", "template_ext", "template_fields_renderers", "ui_color", "ui_fgcolor") or (
            name.startswith("inherits_from_") or name == "operator_extra_links"
        ):
            return getattr(own, name)
        if hasattr(self.settings, name):
            return getattr(self.settings, name)
        if name in self.partial_kwargs:
            return self.partial_kwargs[name]
        raise AttributeError(f"{describe(self.task_id, self._dag)} is mapped and has no attribute {name!r}.")

    def __repr__(self) -> str:
        return f"<Mapped({self.task_type}): {self.task_id}>"


def refuse_unknown(cls: type[BaseOperator], kwargs: Mapping[str, Any], method: str, where: str) -> None:
    """Raise for arguments that the operator does not take, or that cannot differ between instances."""
    known = parameters(cls)
    if unknown := [name for name in kwargs if name not in known and name not in cls.ignored_arguments]:
        raise TypeError(
            f"{where}: {cls.__name__}.{method}() got an unexpected keyword argument {', '.join(map(repr, unknown))}."
        )
    if method == "expand" and (fixed := [name for name in kwargs if name in _NEVER_MAPPED]):
        raise TypeError(f"{where}: {', '.join(map(repr, fixed))} is the same for all instances; give it to partial().")
