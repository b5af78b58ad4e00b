"""`with setup >> teardown:`: what is created inside the block stands between the setup and its teardown."""

from __future__ import annotations

from typing import Any, ClassVar

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.node import Task, flatten


class _Block:
    def __init__(self, setups: list[Task], teardowns: list[Task]) -> None:
        self.setups, self.teardowns = setups, teardowns
        self.inside: dict[str, Task] = {}


class SetupTeardownContext:
    """The open setup/teardown blocks, innermost last."""

    _stack: ClassVar[list[_Block]] = []

    @classmethod
    def push(cls, nodes: Any) -> None:
        """Open a block around the setups or teardowns among `nodes`; the other side is found by their edges."""
        tasks = [task for node in flatten(nodes) for task in node.leaves]
        setups, teardowns = [t for t in tasks if t.is_setup], [t for t in tasks if t.is_teardown]
        if not tasks or len(setups) + len(teardowns) != len(tasks):
            raise AirflowException(
                "Only setup and teardown tasks can open a `with` block; mark them with as_teardown()."
            )
        for teardown in list(teardowns):
            setups += [t for t in teardown.upstream_list if t.is_setup and t not in setups]
        for setup in list(setups):
            teardowns += [t for t in setup.downstream_list if t.is_teardown and t not in teardowns]
        for task in (*setups, *teardowns):
            cls.register(task)
        cls._stack.append(_Block(setups, teardowns))

    @classmethod
    def register(cls, task: Task) -> None:
        """Note a task that is created (or added) while a block is open."""
        if cls._stack:
            cls._stack[-1].inside[task.task_id] = task

    @classmethod
    def pop(cls) -> None:
        """Close the innermost block: setups before what begins it, teardowns after what ends it."""
        block = cls._stack.pop()
        edge = {task.task_id for task in (*block.setups, *block.teardowns)}
        inside = {task_id: task for task_id, task in block.inside.items() if task_id not in edge}
        for task in inside.values():
            if not task.upstream_task_ids & inside.keys() and block.setups:
                task.set_upstream(block.setups)
            if not task.downstream_task_ids & inside.keys() and block.teardowns:
                task.set_downstream(block.teardowns)
            if cls._stack:
                cls._stack[-1].inside[task.task_id] = task


class ContextWrapper(list[Any]):
    """Several setups or teardowns that open one block: `with context_wrapper([t1, t2]):`."""

    def __enter__(self) -> ContextWrapper:
        SetupTeardownContext.push(self)
        return self

    def __exit__(self, *_: object) -> None:
        SetupTeardownContext.pop()


context_wrapper = ContextWrapper
