"""Lists narrowed by what only the versions of Dags know of their tasks: pool, queue, operator, group …

The database has no such columns. What is asked for is looked up in the versions that the list's runs go by, and becomes
a condition on those versions and the tasks in them that fit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Annotated

from fastapi import Query
from sqlalchemy import Connection

from tradewind.api.call import Call
from tradewind.api.public.task_shapes import known_specs, task_shown
from tradewind.core.dag import DagSpec, TaskSpec
from tradewind.store.reading.task_instances import Meant, TaskFilter, versions_listed


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChoice:
    """Which tasks; a field that is None or empty asks for nothing."""

    pools: Collection[str] = ()
    pool_pattern: str | None = None
    pool_prefix: str | None = None
    queues: Collection[str] = ()
    queue_pattern: str | None = None
    queue_prefix: str | None = None
    executors: Collection[str] = ()
    operators: Collection[str] = ()
    operator_pattern: str | None = None
    operator_prefix: str | None = None
    display_name_pattern: str | None = None
    display_name_prefix: str | None = None
    group_id: str | None = None

    @property
    def asks(self) -> bool:
        """Whether it narrows anything."""
        return any(getattr(self, each.name) for each in fields(self))

    def fits(self, spec: DagSpec, task: TaskSpec) -> bool:
        """Whether a task is one of them."""
        name = str(task.extra.get("operator_name") or task.operator)
        return (
            (not self.pools or task.pool in self.pools)
            and fits_text(task.pool, self.pool_pattern, self.pool_prefix)
            and (not self.queues or task.queue in self.queues)
            and fits_text(task.queue, self.queue_pattern, self.queue_prefix)
            and (not self.executors or task.extra.get("executor") in self.executors)
            and (not self.operators or task.operator in self.operators)
            and fits_text(name, self.operator_pattern, self.operator_prefix)
            and fits_text(task_shown(task.task_id, task), self.display_name_pattern, self.display_name_prefix)
            and (not self.group_id or task.task_id in tasks_in_group(spec, self.group_id))
        )


Texts = Annotated[list[str], Query()]


def tasks_chosen(
    pool: Texts = [],  # noqa: B006
    pool_name_pattern: str | None = None,
    pool_name_prefix_pattern: str | None = None,
    queue: Texts = [],  # noqa: B006
    queue_name_pattern: str | None = None,
    queue_name_prefix_pattern: str | None = None,
    executor: Texts = [],  # noqa: B006
    operator: Texts = [],  # noqa: B006
    operator_name_pattern: str | None = None,
    operator_name_prefix_pattern: str | None = None,
) -> TaskChoice:
    """What a caller asks for in the query of a list."""
    return TaskChoice(
        pools=pool,
        pool_pattern=pool_name_pattern,
        pool_prefix=pool_name_prefix_pattern,
        queues=queue,
        queue_pattern=queue_name_pattern,
        queue_prefix=queue_name_prefix_pattern,
        executors=executor,
        operators=operator,
        operator_pattern=operator_name_pattern,
        operator_prefix=operator_name_prefix_pattern,
    )


def meant_by(call: Call, connection: Connection, wanted: TaskFilter, choice: TaskChoice) -> Sequence[Meant] | None:
    """The tasks that fit, in the versions of the runs that are listed; None where the choice narrows nothing."""
    if not choice.asks:
        return None
    same: dict[tuple[str, ...], list[str]] = {}
    for version, spec in known_specs(call, connection, versions_listed(connection, call.scope, wanted)).items():
        if task_ids := tuple(task.task_id for task in spec.tasks.values() if choice.fits(spec, task)):
            same.setdefault(task_ids, []).append(version)
    return [Meant(versions, task_ids) for task_ids, versions in same.items()]


def tasks_in_group(spec: DagSpec, group_id: str) -> Collection[str]:
    """The tasks in a group, nested groups included; empty where there is no such group."""
    return next((group.task_ids for group in spec.groups if group.group_id == group_id), ())


def fits_text(text: str, pattern: str | None, prefix: str | None) -> bool:
    """Whether a text has the prefix, and somewhere in it the pattern or one of several with `|` between them."""
    if prefix and not text.startswith(prefix):
        return False
    parts = [part.strip() for part in (pattern or "").split("|") if part.strip()]
    return not parts or any(is_like(text.lower(), f"%{part.lower()}%") for part in parts)


def is_like(text: str, pattern: str) -> bool:
    """As LIKE compares: `%` stands for any text, `_` for one character, `\\` takes the next one literally."""
    wanted = list(_symbols(pattern))
    at, place = 0, 0
    star, resume = -1, 0
    while at < len(text):
        if place < len(wanted) and wanted[place] == "%%":
            star, resume = place, at
            place += 1
        elif place < len(wanted) and wanted[place] in ("__", text[at]):
            at += 1
            place += 1
        elif star >= 0:
            resume += 1
            at, place = resume, star + 1
        else:
            return False
    return all(symbol == "%%" for symbol in wanted[place:])


def _symbols(pattern: str) -> Iterable[str]:
    """Literal characters; `%%` and `__` for the wildcards."""
    characters = iter(pattern)
    for character in characters:
        match character:
            case "\\":
                yield next(characters, "\\")
            case "%" | "_":
                yield character * 2
            case _:
                yield character
