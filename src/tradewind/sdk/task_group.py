"""Groups of tasks: a prefix for their ids, shared default_args, and one thing to draw an edge to."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from tradewind.sdk.exceptions import AirflowException, DuplicateTaskIdFound, TaskAlreadyInTaskGroup
from tradewind.sdk.expand_input import DictOfLists, ExpandInput, ListOfDicts, MappedArgument, refuse_repeated
from tradewind.sdk.node import DependencyMixin, Task, mapped_group_of, validate_group_key
from tradewind.sdk.registry import DagContext, TaskGroupContext

if TYPE_CHECKING:
    from tradewind.sdk.dag import DAG


class TaskGroup(DependencyMixin):
    """A group. As a `with` block it takes in the tasks that are created inside."""

    is_mapped: ClassVar[bool] = False

    def __init__(
        self,
        group_id: str | None,
        prefix_group_id: bool = True,
        parent_group: TaskGroup | None = None,
        dag: DAG | None = None,
        default_args: Mapping[str, Any] | None = None,
        tooltip: str = "",
        ui_color: str = "CornflowerBlue",
        ui_fgcolor: str = "#000",
        add_suffix_on_collision: bool = False,
        group_display_name: str = "",
        doc_md: str | None = None,
    ) -> None:
        self.prefix_group_id, self.default_args = prefix_group_id, dict(default_args or {})
        self.tooltip, self.ui_color, self.ui_fgcolor = tooltip, ui_color, ui_fgcolor
        self.group_display_name, self.doc_md = group_display_name, doc_md
        self.children: dict[str, Task | TaskGroup] = {}
        self.parent_group: TaskGroup | None = None
        self._group_id = group_id
        if group_id is None:
            self.dag = _given(dag)
            return
        validate_group_key(group_id)
        parent = parent_group or TaskGroupContext.get_current(dag)
        if parent is None:
            raise AirflowException(f"Group {group_id!r} needs a Dag: create it inside `with DAG(...)` or give it dag=.")
        if dag is not None and parent.dag is not dag:
            raise AirflowException(f"Group {group_id!r} of Dag {dag.dag_id!r} cannot be inside one of another Dag.")
        self.dag, self.parent_group = parent.dag, parent
        if self.group_id in self.dag.used_ids and add_suffix_on_collision:
            self._group_id = _with_suffix(group_id, parent, self.dag.used_ids)
        parent.add(self)

    @classmethod
    def create_root(cls, dag: DAG) -> TaskGroup:
        """The group without a name that holds the whole Dag."""
        return cls(None, dag=dag)

    @property
    def group_id(self) -> str | None:
        """The whole id, with the ids of the groups around it."""
        if self._group_id is None or self.parent_group is None:
            return self._group_id
        return self.parent_group.child_id(self._group_id)

    @property
    def node_id(self) -> str | None:
        return self.group_id

    @property
    def label(self) -> str | None:
        """What it is called where it is drawn."""
        return self.group_display_name or self._group_id

    @property
    def is_root(self) -> bool:
        return self._group_id is None

    @property
    def task_group(self) -> TaskGroup | None:
        return self.parent_group

    def lineage(self) -> Iterator[TaskGroup]:
        """This group and those around it, from the inside out."""
        group: TaskGroup | None = self
        while group is not None:
            yield group
            group = group.parent_group

    def child_id(self, label: str) -> str:
        """The whole id of something called `label` inside this group."""
        if self.prefix_group_id and (prefix := self.group_id):
            return f"{prefix}.{label}"
        if not self.prefix_group_id and self.parent_group is not None:
            return self.parent_group.child_id(label)
        return label

    def add(self, node: Task | TaskGroup) -> Task | TaskGroup:
        """Take in a task or group."""
        key = node.node_id or ""
        if isinstance(node, TaskGroup):
            if key in self.dag.used_ids:
                raise DuplicateTaskIdFound(
                    f"Dag {self.dag.dag_id!r}: group id {key!r} is already used by another group or task; rename one."
                )
            self.dag.used_ids.add(key)
        elif node.task_group is not None and node.task_group is not self and key in node.task_group.children:
            raise TaskAlreadyInTaskGroup(key, node.task_group.group_id, self.group_id or "")
        self.children[key] = node
        return node

    def __iter__(self) -> Iterator[Task]:
        return self.iter_tasks()

    def iter_tasks(self) -> Iterator[Task]:
        """Every task inside, nested groups included."""
        for child in self.children.values():
            if isinstance(child, TaskGroup):
                yield from child.iter_tasks()
            else:
                yield child

    def iter_groups(self) -> Iterator[TaskGroup]:
        """Every group inside, nested ones included."""
        for child in self.children.values():
            if isinstance(child, TaskGroup):
                yield child
                yield from child.iter_groups()

    def get_task_group_dict(self) -> dict[str | None, TaskGroup]:
        """This group and every one inside, by id."""
        return {group.group_id: group for group in (self, *self.iter_groups())}

    def get_child_by_label(self, label: str) -> Task | TaskGroup:
        return self.children[self.child_id(label)]

    __getitem__ = get_child_by_label

    def has_task(self, task: Task) -> bool:
        return any(inside is task for inside in self.iter_tasks())

    @property
    def roots(self) -> Sequence[Task]:
        """The tasks inside that wait for nothing else inside."""
        inside = {task.task_id: task for task in self.iter_tasks()}
        return [task for task in inside.values() if not task.upstream_task_ids & inside.keys()]

    @property
    def leaves(self) -> Sequence[Task]:
        """The tasks inside that nothing else inside waits for. Teardowns do not count: what they wait for does."""
        inside = {task.task_id: task for task in self.iter_tasks()}
        found: dict[str, Task] = {}
        for task in inside.values():
            if not task.downstream_task_ids & inside.keys():
                for last in _before_teardown(task, inside):
                    found[last.task_id] = last
        return list(found.values())

    def get_roots(self) -> Sequence[Task]:
        return self.roots

    def get_leaves(self) -> Sequence[Task]:
        return self.leaves

    def as_teardown(self, **_: Any) -> NoReturn:
        raise AirflowException(f"Group {self.group_id!r} cannot be a teardown; mark the tasks inside it.")

    as_setup = as_teardown

    def __enter__(self) -> TaskGroup:
        TaskGroupContext.push(self)
        return self

    def __exit__(self, *_: object) -> None:
        TaskGroupContext.pop()

    def __repr__(self) -> str:
        return f"<TaskGroup: {self.group_id or '(root)'}>"


class MappedTaskGroup(TaskGroup):
    """A group of which each run has as many as what it expands over is long."""

    is_mapped: ClassVar[bool] = True

    def __init__(self, group_id: str | None, *, expand_input: ExpandInput, **settings: Any) -> None:
        super().__init__(group_id, **settings)
        self.expand_input = expand_input
        outer = mapped_group_of(self)
        if outer is not None:
            raise AirflowException(
                f"Group {self.group_id!r} is mapped and inside {outer.group_id!r}, which is mapped too; one mapped "
                "group cannot be inside another: expand over the combinations of both, or map the tasks inside."
            )

    def iter_mapped_dependencies(self) -> Iterator[Task]:
        """The tasks whose results decide how often there is this group."""
        return (task for task, _ in self.expand_input.references())

    def __exit__(self, *raised: object) -> None:
        for source, _ in self.expand_input.references() if self.children else ():
            self.set_upstream(source)
        super().__exit__(*raised)


class TaskGroupFactory:
    """A function decorated with `@task_group`: a call makes a group of the tasks that the function creates."""

    is_task_decorator = True

    def __init__(
        self, function: Callable[..., Any], kwargs: dict[str, Any], given: dict[str, Any] | None = None
    ) -> None:
        self.function, self.kwargs = function, kwargs
        self.given = given or {}
        """Arguments that are the same in every element."""
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._made(TaskGroup, args, {**self.given, **kwargs})

    def override(self, **kwargs: Any) -> TaskGroupFactory:
        """The same with other settings, such as group_id."""
        return TaskGroupFactory(self.function, {**self.kwargs, **kwargs}, self.given)

    def partial(self, **kwargs: Any) -> TaskGroupFactory:
        """The same with some of the function's arguments given, for `expand`."""
        self._check_names("partial", kwargs)
        refuse_repeated(kwargs, self.given, self._where)
        return TaskGroupFactory(self.function, self.kwargs, {**self.given, **kwargs})

    def expand(self, **map_kwargs: Any) -> Any:
        """A mapped group: one element for each combination of the lists."""
        self._check_names("expand", map_kwargs)
        refuse_repeated(map_kwargs, self.given, self._where)
        return self._mapped(DictOfLists(map_kwargs, self._where), map_kwargs)

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> Any:
        """A mapped group: one element for each dict of arguments."""
        names = [name for name in inspect.signature(self.function).parameters if name not in self.given]
        return self._mapped(ListOfDicts(kwargs, self._where), names)

    def _mapped(self, expand_input: ExpandInput, names: Iterable[str]) -> Any:
        arguments = {name: MappedArgument(input=expand_input, key=name) for name in names}
        return self._made(MappedTaskGroup, (), {**self.given, **arguments}, expand_input=expand_input)

    def _made(self, kind: type[TaskGroup], args: tuple[Any, ...], arguments: dict[str, Any], **more: Any) -> Any:
        settings = {"group_id": self.function.__name__, "add_suffix_on_collision": True, **self.kwargs, **more}
        doc = inspect.getdoc(self.function) or ""
        if doc and "tooltip" not in settings:
            settings["tooltip"] = doc
        with kind(**settings) as group:
            result = self.function(*args, **arguments)
        return group if result is None else result

    @property
    def _where(self) -> str:
        return f"Group {self.kwargs.get('group_id') or self.function.__name__!r}"

    def _check_names(self, method: str, kwargs: Mapping[str, Any]) -> None:
        known = inspect.signature(self.function).parameters
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
            return
        if unknown := [name for name in kwargs if name not in known]:
            raise TypeError(
                f"{self._where}: {method}() got an unexpected keyword argument {', '.join(map(repr, unknown))}."
            )


def task_group(python_callable: Callable[..., Any] | None = None, **tg_kwargs: Any) -> Any:
    """Makes a function into a group: `@task_group` or `@task_group(group_id=…, default_args=…)`."""
    if callable(python_callable):
        return TaskGroupFactory(python_callable, tg_kwargs)
    return functools.partial(TaskGroupFactory, kwargs=tg_kwargs)


def unique_id(label: str, group: TaskGroup | None, used: set[str]) -> str:
    """`label`, with `__1`, `__2` … behind it when its whole id is taken in this group."""
    whole = group.child_id(label) if group is not None else label
    return label if whole not in used else _with_suffix(label, group, used)


def _with_suffix(label: str, group: TaskGroup | None, used: set[str]) -> str:
    core = re.split(r"__\d+$", label)[0]
    whole = group.child_id(core) if group is not None else core
    pattern = re.compile(re.escape(whole) + r"__(\d+)$")
    taken = [int(match[1]) for match in map(pattern.match, used) if match]
    return f"{core}__{max(taken, default=0) + 1}"


def _before_teardown(task: Task, inside: Mapping[str, Task]) -> Iterator[Task]:
    if not task.is_teardown:
        yield task
        return
    for before in task.upstream_list:
        if before.task_id in inside and not before.is_setup:
            yield from _before_teardown(before, inside)


def _given(dag: DAG | None) -> DAG:
    dag = dag or DagContext.get_current()
    if dag is None:
        raise AirflowException("A root group needs a Dag.")
    return dag
