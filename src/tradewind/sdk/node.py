"""What tasks, groups and task results have in common: `>>`, `<<`, and a place in one Dag."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.types import TriggerRule

if TYPE_CHECKING:
    from tradewind.sdk.dag import DAG
    from tradewind.sdk.edges import EdgeModifier
    from tradewind.sdk.task_group import TaskGroup
    from tradewind.sdk.xcom_arg import PlainXComArg

_KEY = re.compile(r"[\w.-]+")
_GROUP_KEY = re.compile(r"[\w-]+")


def validate_key(key: Any, what: str = "The id", max_length: int = 250) -> None:
    """Raise unless this is a usable id of a Dag or task."""
    _validate(key, what, max_length, _KEY, "letters, digits, dashes, dots and underscores")


def validate_group_key(key: Any, what: str = "The group id", max_length: int = 200) -> None:
    """Raise unless this is a usable id of a group."""
    _validate(key, what, max_length, _GROUP_KEY, "letters, digits, dashes and underscores")


def _validate(key: Any, what: str, max_length: int, pattern: re.Pattern[str], allowed: str) -> None:
    if not isinstance(key, str):
        raise TypeError(f"{what} has to be a string and is {type(key).__name__}: {key!r}")
    if len(key) > max_length:
        raise AirflowException(f"{what} has to be less than {max_length} characters, not {len(key)}: {key!r}")
    if not pattern.fullmatch(key):
        raise AirflowException(f"{what} has to be made of {allowed} exclusively: {key!r}")


class DependencyMixin:
    """Anything that can stand beside `>>`: a task, a group, a result, a label."""

    @property
    def roots(self) -> Sequence[Task]:
        """The tasks that begin this."""
        raise NotImplementedError

    @property
    def leaves(self) -> Sequence[Task]:
        """The tasks that end this."""
        raise NotImplementedError

    def update_relative(
        self, other: DependencyMixin, upstream: bool = True, edge_modifier: EdgeModifier | None = None
    ) -> None:
        """Told that `other` becomes its upstream (or downstream); labels remember it."""

    def set_upstream(self, other: Any, edge_modifier: EdgeModifier | None = None) -> None:
        """`other`, a node or a list of nodes, comes before this."""
        for node in flatten(other):
            node.update_relative(self, upstream=False, edge_modifier=edge_modifier)
            for before in node.leaves:
                for after in self.roots:
                    connect(before, after, edge_modifier)

    def set_downstream(self, other: Any, edge_modifier: EdgeModifier | None = None) -> None:
        """`other`, a node or a list of nodes, comes after this."""
        for node in flatten(other):
            node.update_relative(self, upstream=True, edge_modifier=edge_modifier)
            for before in self.leaves:
                for after in node.roots:
                    connect(before, after, edge_modifier)

    def as_setup(self) -> Any:
        """This as a setup task."""
        for task in self.leaves:
            task.as_setup()
        return self

    def as_teardown(self, *, setups: Any = None, on_failure_fail_dagrun: bool | None = None) -> Any:
        """This as a teardown task of `setups`."""
        for task in self.leaves:
            task.as_teardown(setups=setups, on_failure_fail_dagrun=on_failure_fail_dagrun)
        return self

    def __lshift__(self, other: Any) -> Any:
        self.set_upstream(other)
        return other

    def __rshift__(self, other: Any) -> Any:
        self.set_downstream(other)
        return other

    def __rrshift__(self, other: Any) -> Any:
        self.set_upstream(other)
        return self

    def __rlshift__(self, other: Any) -> Any:
        self.set_downstream(other)
        return self


def flatten(nodes: Any) -> Iterator[DependencyMixin]:
    """The nodes of a node or a (nested) list of nodes."""
    if isinstance(nodes, DependencyMixin):
        yield nodes
    elif isinstance(nodes, Iterable) and not isinstance(nodes, (str, bytes)):
        for node in nodes:
            yield from flatten(node)
    else:
        raise AirflowException(f"Relationships can only be set between operators; received {type(nodes).__name__}")


def connect(before: Task, after: Task, label: EdgeModifier | None = None) -> None:
    """Make `after` wait for `before`; a task without a Dag joins the other's."""
    dags = {id(task.dag): task.dag for task in (before, after) if task.has_dag()}
    if len(dags) != 1:
        where = "more than one Dag" if dags else "tasks without a Dag"
        named = ", ".join(
            f"{task.task_id!r} ({task.dag_id if task.has_dag() else 'no Dag'})" for task in (before, after)
        )
        raise AirflowException(
            f"Tried to set relationships between tasks in {where}: {named}; give both the same dag=."
        )
    (dag,) = dags.values()
    for task in (before, after):
        if not task.has_dag():
            task.dag = dag
    before.downstream_task_ids.add(after.task_id)
    after.upstream_task_ids.add(before.task_id)
    if label is not None and label.label is not None:
        dag.set_edge_info(before.task_id, after.task_id, {"label": label.label})


def mapped_group_of(task: Any) -> TaskGroup | None:
    """The mapped group that a task is in, at any depth."""
    group = getattr(task, "task_group", None)
    return next((around for around in group.lineage() if around.is_mapped), None) if group is not None else None


class Task(DependencyMixin):
    """One node of a Dag: an operator, or a mapped one. Its Dag, its group, its neighbours."""

    task_id: str
    task_group: TaskGroup | None
    upstream_task_ids: set[str]
    downstream_task_ids: set[str]
    trigger_rule: TriggerRule
    is_setup: bool = False
    is_teardown: bool = False
    on_failure_fail_dagrun: bool = False
    _dag: DAG | None = None

    @property
    def node_id(self) -> str:
        return self.task_id

    @property
    def dag(self) -> DAG:
        if self._dag is None:
            raise RuntimeError(f"Task {self.task_id!r} has not been assigned to a Dag yet; give it dag=.")
        return self._dag

    @dag.setter
    def dag(self, dag: DAG | None) -> None:
        if dag is None or self._dag is dag:
            self._dag = dag
            return
        if self._dag is not None:
            raise AirflowException(
                f"Task {self.task_id!r} belongs to Dag {self._dag.dag_id!r} and cannot join another."
            )
        dag.add_task(self)

    @property
    def dag_id(self) -> str:
        return self._dag.dag_id if self._dag is not None else f"adhoc_{getattr(self, 'owner', '')}"

    def has_dag(self) -> bool:
        return self._dag is not None

    def get_dag(self) -> DAG | None:
        return self._dag

    @property
    def label(self) -> str:
        """The task id without the group's prefix."""
        group = self.task_group
        if group is not None and group.prefix_group_id and group.group_id:
            return self.task_id.removeprefix(f"{group.group_id}.")
        return self.task_id

    @property
    def output(self) -> PlainXComArg:
        """The value that this task returns, for use as another task's argument."""
        from tradewind.sdk.xcom_arg import PlainXComArg

        return PlainXComArg(operator=self)

    @property
    def roots(self) -> Sequence[Task]:
        return [self]

    @property
    def leaves(self) -> Sequence[Task]:
        return [self]

    def get_direct_relative_ids(self, upstream: bool = False) -> set[str]:
        return self.upstream_task_ids if upstream else self.downstream_task_ids

    def get_direct_relatives(self, upstream: bool = False) -> list[Task]:
        """Direct neighbours, sorted by id."""
        return [self.dag.get_task(task_id) for task_id in sorted(self.get_direct_relative_ids(upstream))]

    @property
    def upstream_list(self) -> list[Task]:
        return self.get_direct_relatives(upstream=True)

    @property
    def downstream_list(self) -> list[Task]:
        return self.get_direct_relatives(upstream=False)

    def get_flat_relative_ids(self, *, upstream: bool = False) -> set[str]:
        """Ids of everything before (or after) this task."""
        found: set[str] = set()
        open_ids = list(self.get_direct_relative_ids(upstream))
        while open_ids:
            task_id = open_ids.pop()
            if task_id not in found:
                found.add(task_id)
                open_ids += self.dag.get_task(task_id).get_direct_relative_ids(upstream)
        return found

    def get_flat_relatives(self, upstream: bool = False) -> list[Task]:
        """Everything before (or after) this task, sorted by id."""
        return [self.dag.get_task(task_id) for task_id in sorted(self.get_flat_relative_ids(upstream=upstream))]

    # --- setup and teardown ---------------------------------------------------------------------------------------

    def as_setup(self) -> Any:
        if self.is_teardown:
            raise AirflowException(f"Task {self.task_id!r} is a teardown and cannot be a setup as well.")
        self.is_setup = True
        return self

    def as_teardown(self, *, setups: Any = None, on_failure_fail_dagrun: bool | None = None) -> Any:
        if self.is_setup:
            raise AirflowException(f"Task {self.task_id!r} is a setup and cannot be a teardown as well.")
        self.is_teardown = True
        if self.trigger_rule == TriggerRule.ALL_SUCCESS:
            self.trigger_rule = TriggerRule.ALL_DONE_SETUP_SUCCESS
        if on_failure_fail_dagrun is not None:
            self.on_failure_fail_dagrun = on_failure_fail_dagrun
        for node in flatten(setups) if setups is not None else ():
            for task in node.leaves:
                task.as_setup().set_downstream(self)
        return self

    def __enter__(self) -> Task:
        from tradewind.sdk.setup_teardown import SetupTeardownContext

        SetupTeardownContext.push(self)
        return self

    def __exit__(self, *_: object) -> None:
        from tradewind.sdk.setup_teardown import SetupTeardownContext

        SetupTeardownContext.pop()

    def __repr__(self) -> str:
        return f"<Task({type(self).__name__}): {self.task_id}>"
