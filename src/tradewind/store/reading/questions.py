"""What task instances have asked people, as people look at it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from tradewind.core.access import DagScope
from tradewind.core.records import Question, TaskKey
from tradewind.store import tables as t
from tradewind.store.paging import Listed, Page, Sortable, paged
from tradewind.store.reading.ranges import UNBOUNDED, Bounds
from tradewind.store.reading.scope import escaped, in_scope
from tradewind.store.reading.task_instances import TaskFilter, conditions_on_runs, conditions_on_text
from tradewind.store.rows import question_of

_asked, _run, _task = t.question.c, t.run.c, t.task_instance.c

SORTABLE: Sortable = {
    "ti_id": _asked.run,
    "subject": _asked.subject,
    "created_at": _asked.asked_at,
    "responded_at": _asked.answered_at,
    "responded_by_user_id": _asked.answered_by,
    "responded_by_user_name": _asked.answered_by,
    "dag_id": _run.dag_id,
    "run_id": _run.run_id,
    "run_after": _run.run_after,
    "logical_date": _run.logical_date,
    "task_id": _asked.task_id,
    "map_index": _asked.map_index,
    "rendered_map_index": _task.rendered_map_index,
    "task_instance_state": _task.state,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionFilter:
    """Which questions; a field that is None or empty asks for nothing."""

    tasks: TaskFilter = field(default_factory=TaskFilter)
    """Of which runs, tasks, indexes and states; the rest of it plays no part."""
    task_id_pattern: str | None = None
    task_id_prefix: str | None = None
    is_answered: bool | None = None
    answered_by_ids: Sequence[str] = ()
    answered_by_names: Sequence[str] = ()
    subject: str | None = None
    """Text that occurs in the subject."""
    body: str | None = None
    asked_at: Bounds = UNBOUNDED


def questions_listed(
    connection: Connection, scopes: Sequence[DagScope], wanted: QuestionFilter, page: Page
) -> tuple[Listed, list[Question]]:
    """The newest question of each task instance that has asked one, of Dags in all these scopes."""
    of = wanted.tasks
    found = [in_scope(_run.dag_id, scope) for scope in scopes] + conditions_on_runs(of)
    if of.task_ids is not None:
        found.append(_asked.task_id.in_(of.task_ids))
    for column, values in ((_asked.map_index, of.map_indexes), (_task.state, of.states)):
        if values:
            found.append(column.in_(values))
    found += conditions_on_text(_asked.task_id, wanted.task_id_pattern, wanted.task_id_prefix)
    if wanted.is_answered is not None:
        found.append(_asked.answered_at.is_not(None) if wanted.is_answered else _asked.answered_at.is_(None))
    if wanted.answered_by_ids:
        found.append(or_(*(_begins(_asked.answered_by, f"[{json.dumps(id)}, ") for id in wanted.answered_by_ids)))
    if wanted.answered_by_names:
        found.append(or_(*(_ends(_asked.answered_by, f", {json.dumps(name)}]") for name in wanted.answered_by_names)))
    for text, searched in ((_asked.subject, wanted.subject), (_asked.body, wanted.body)):
        if searched:
            found.append(text.ilike(f"%{escaped(searched)}%", escape="\\"))
    found += wanted.asked_at.of(_asked.asked_at)
    newest = _newest()
    query = (
        select(t.question)
        .join(newest, newest.c.id == _asked.id)
        .join(t.run, _run.number == _asked.run)
        .join(t.task_instance, _same_task(_task))
        .where(newest.c.place == 1, *found)
    )
    listed = paged(connection, query, page, SORTABLE, key=_TASK, default=("ti_id",))
    return listed, [question_of(row) for row in listed.rows]


def question_asked(connection: Connection, key: TaskKey, try_number: int | None = None) -> Question | None:
    """The newest question of a task instance, or of one of its tries."""
    found = select(t.question).where(*(column == value for column, value in zip(_TASK, key, strict=True)))
    if try_number is not None:
        found = found.where(_asked.try_number == try_number)
    row = connection.execute(found.order_by(_asked.asked_at.desc(), _asked.id.desc()).limit(1)).mappings().first()
    return question_of(row) if row else None


_TASK = (_asked.run, _asked.task_id, _asked.map_index)


def _newest() -> Any:
    order = (_asked.asked_at.desc(), _asked.id.desc())
    return select(_asked.id, func.row_number().over(partition_by=_TASK, order_by=order).label("place")).subquery()


def _same_task(other: Any) -> ColumnElement[bool]:
    theirs = (other.run, other.task_id, other.map_index)
    return and_(*(one == another for one, another in zip(_TASK, theirs, strict=True)))


def _begins(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    return func.substr(column, 1, len(text)) == text


def _ends(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    return func.substr(column, func.length(column) - len(text) + 1) == text
