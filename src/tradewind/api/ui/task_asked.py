"""The task instance that a page or a panel is about, with what its reader may do with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from tradewind.api.call import Call
from tradewind.api.log_view import last_rows
from tradewind.api.ui.logs import Which
from tradewind.core.access import Action, DagFacts, Need, Resource
from tradewind.core.errors import TaskNotFound
from tradewind.core.states import TaskState
from tradewind.store.paging import Row
from tradewind.store.reading.dags import dag_facts
from tradewind.store.reading.instances import instance_named, tries_of


@dataclass(frozen=True, slots=True)
class TaskAsked:
    """`count`: how many instances its task has in the run."""

    call: Call
    run: Row
    task: Row
    count: int
    tries: list[Row]
    """Oldest first."""
    facts: DagFacts

    def may(self, action: Action, resource: Resource) -> bool:
        """Whether the reader may do this with what belongs to the Dag."""
        return self.call.scope_of(Need(action, resource)).holds(self.facts)

    @property
    def went_wrong(self) -> bool:
        """Whether its last try has failed."""
        return self.task["state"] in (TaskState.FAILED, TaskState.UP_FOR_RETRY)

    def last_rows(self, most: int, levels: Sequence[int]) -> list[Any]:
        """The last lines of these levels of the try that failed; without numbers, since what is before them is not
        counted. Nothing where none has failed."""
        run, task = self.run, self.task
        if not self.went_wrong or task["try_number"] < 1:
            return []
        key = run["dag_id"], run["run_id"], task["task_id"], task["map_index"], task["try_number"]
        with Which(self.call, *key, True).opened() as file:
            return [] if file is None else last_rows(file, most, levels, is_over=True)


def task_asked(
    call: Call, connection: Connection, dag_id: str, run_id: str, task_id: str, map_index: int | None
) -> TaskAsked:
    """One task instance; without an index the first one of a mapped task. Raises TaskNotFound."""
    found = instance_named(connection, dag_id, run_id, task_id, map_index)
    if found is None:
        raise TaskNotFound(dag_id, task_id)
    run, task, count = found
    tries = tries_of(connection, run["number"], task_id, task["map_index"])
    return TaskAsked(call, run, task, count, tries, dag_facts(connection, dag_id) or DagFacts(dag_id))
