"""Which Dags a file defines, and which Dag and group are being built right now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from tradewind.sdk.dag import DAG
    from tradewind.sdk.task_group import TaskGroup


class DagContext:
    """The Dags whose `with` block is open, innermost last."""

    _stack: list[DAG] = []

    @classmethod
    def push(cls, dag: DAG) -> None:
        cls._stack.append(dag)

    @classmethod
    def pop(cls) -> DAG | None:
        dag = cls._stack.pop()
        if _collections and dag.auto_register:
            _collections[-1].entered.append(dag)
        return dag

    @classmethod
    def get_current(cls) -> DAG | None:
        return cls._stack[-1] if cls._stack else None

    get_current_dag = get_current


class TaskGroupContext:
    """The groups whose `with` block is open, innermost last."""

    _stack: list[TaskGroup] = []

    @classmethod
    def push(cls, group: TaskGroup) -> None:
        cls._stack.append(group)

    @classmethod
    def pop(cls) -> TaskGroup | None:
        return cls._stack.pop()

    @classmethod
    def get_current(cls, dag: DAG | None = None) -> TaskGroup | None:
        """The innermost open group of this Dag, else its root group."""
        dag = dag or DagContext.get_current()
        if dag is None:
            return None
        for group in reversed(cls._stack):
            if group.dag is dag:
                return group
        return dag.task_group


class Collection:
    """What the imports inside one `collect()` block left."""

    def __init__(self) -> None:
        self.entered: list[DAG] = []

    def dags(self, module: ModuleType | None = None) -> list[DAG]:
        """The Dags of a module, each once, in the order of definition: those bound to a module-level name and those
        whose `with` block or `@dag` function ran and that are `auto_register`. Their `fileloc` becomes the module's
        file. Two of them may share a dag_id; that is for the caller to refuse."""
        from tradewind.sdk.dag import DAG

        bound: list[Any] = [value for value in vars(module).values() if isinstance(value, DAG)] if module else []
        found: dict[int, DAG] = {id(dag): dag for dag in [*self.entered, *bound]}
        file = getattr(module, "__file__", None)
        for dag in found.values():
            dag.fileloc = file or dag.fileloc
        return sorted(found.values(), key=lambda dag: dag.serial)


_collections: list[Collection] = []


@contextmanager
def collect() -> Iterator[Collection]:
    """Collects the Dags that are made while a file is imported; blocks that the file left open are closed."""
    dags, groups = list(DagContext._stack), list(TaskGroupContext._stack)
    DagContext._stack, TaskGroupContext._stack = [], []
    collection = Collection()
    _collections.append(collection)
    try:
        yield collection
    finally:
        _collections.remove(collection)
        DagContext._stack, TaskGroupContext._stack = dags, groups


class AirflowParsingContext(NamedTuple):
    """For which Dag and task a file is being imported, where that is known."""

    dag_id: str | None = None
    task_id: str | None = None


def get_parsing_context() -> AirflowParsingContext:
    """For whom the file is imported. A file is imported once for all of its Dags and tasks, so both are None."""
    return AirflowParsingContext()
