"""The tasks of runs that are over, kept after they were read.

Every change of a task instance is an event of its run, written in the same transaction. So whatever was read of a run
stays true until an event names it, and a look at the events since then says which runs to read again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from sqlalchemy import Connection, func, select

from tradewind.store import tables as t
from tradewind.store.paging import Row
from tradewind.store.reading.grid import RunColumn, RunTasks, tasks_of_runs

MOST_TASKS = 4_000_000
"""Of all runs that are kept, each a byte; names are shared by the runs of a Dag."""
MOST_NAMES = 2_000
"""Lists of tasks that are shared; more than there are Dags that somebody looks at."""
MOST_EVENTS = 20_000
"""Where more has happened since the last look, everything is read again."""
_OVER = ("success", "failed")
Name = tuple[str, str]
"""A Dag and a run of it."""


class KnownColumns:
    """For many threads, each with a connection that reads within one transaction."""

    def __init__(self, most_tasks: int = MOST_TASKS) -> None:
        self._most_tasks = most_tasks
        self._kept: OrderedDict[Name, tuple[int, RunTasks]] = OrderedDict()
        self._tasks = 0
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._seen = 0
        """The number of the event up to which what is kept is true."""
        self._lock = Lock()

    def of(self, connection: Connection, rows: Sequence[Row]) -> list[RunColumn]:
        """Of these runs, each with its number, Dag, id and state, the columns."""
        now = self._caught_up(connection)
        known: dict[int, RunTasks] = {}
        with self._lock:
            for row in rows:
                kept = self._kept.get((row["dag_id"], row["run_id"]))
                if kept is not None and kept[0] == row["number"] and row["state"] in _OVER:
                    known[row["number"]] = kept[1]
        missing = [row for row in rows if row["number"] not in known]
        read = tasks_of_runs(connection, [row["number"] for row in missing]) if missing else {}
        with self._lock:
            if self._seen == now:  # else what was read here may be older than what others have heard of
                for row in missing:
                    if row["state"] in _OVER:
                        self._keep((row["dag_id"], row["run_id"]), row["number"], read[row["number"]])
        known |= read
        return [RunColumn(row, known[row["number"]]) for row in rows]

    def _caught_up(self, connection: Connection) -> int:
        """Forget the runs that events have named; the number of the newest event that this connection sees."""
        seq = t.event.c.seq
        first, last = connection.execute(
            select(select(func.min(seq)).scalar_subquery(), select(func.max(seq)).scalar_subquery())
        ).one()
        first, last = first or 0, last or 0
        with self._lock:
            seen = self._seen
        names: set[Name] | None = None
        if first <= seen + 1 and 0 <= last - seen <= MOST_EVENTS:
            changed = select(t.event.c.dag_id, t.event.c.run_id).distinct().where(seq > seen, t.event.c.run_id != "")
            names = {(dag_id, run_id) for dag_id, run_id in connection.execute(changed)} if last > seen else set()
        with self._lock:
            if names is None:
                self._kept.clear()
                self._names.clear()
                self._tasks, self._seen = 0, last
            else:
                for name in names:
                    self._drop(name)
                self._seen = max(self._seen, last)
        return int(last)

    def _keep(self, name: Name, number: int, tasks: RunTasks) -> None:
        self._drop(name)
        if len(self._names) > MOST_NAMES:
            self._names.clear()
        task_ids = self._names.setdefault(tasks.task_ids, tasks.task_ids)
        self._kept[name] = number, RunTasks(task_ids, tasks.codes, tasks.several)
        self._tasks += len(tasks.codes)
        while self._tasks > self._most_tasks:
            self._drop(next(iter(self._kept)))

    def _drop(self, name: Name) -> None:
        kept = self._kept.pop(name, None)
        self._tasks -= len(kept[1].codes) if kept else 0
