"""Turn: the workspace of one decision. It moves records, notes the operations, and follows the consequences."""

from collections import deque
from datetime import datetime
from typing import Any

from tradewind.core.decisions import (
    DropRows,
    DropTask,
    Operation,
    PutAttempt,
    PutDeferral,
    PutRow,
    PutRun,
    PutTask,
    Record,
    StopTrigger,
)
from tradewind.core.records import Attempt, DagRun, Deferral, TaskInstance, TaskKey
from tradewind.core.states import (
    ATTEMPT_ACTIVE,
    FINISHED,
    AttemptState,
    RunState,
    TaskEvent,
    TaskState,
    after,
)
from tradewind.core.timetables import DueRun
from tradewind.core.world import DagRecord, LiveRun, World

WITH_DEFERRAL = frozenset(
    {TaskState.DEFERRED, TaskState.AWAITING_INPUT, TaskState.SCHEDULED, TaskState.QUEUED, TaskState.RUNNING}
)
"""States in which a deferral means something: the task waits for its trigger or for people, or goes on with the
answer."""


class Turn:
    """Collects what one input changes. `touched` holds the work that follows from a move, in order."""

    __slots__ = ("backfills", "changed_runs", "now", "operations", "touched", "world")

    def __init__(self, world: World, now: datetime) -> None:
        self.world = world
        self.now = now
        self.operations: list[Operation] = []
        self.touched: deque[tuple[LiveRun, TaskInstance]] = deque()
        """Task instances that reached a final state, or came back from one: their downstream looks again."""
        self.changed_runs: dict[int, None] = {}
        """Runs whose end may have come."""
        self.backfills: dict[str, None] = {}
        """Dags whose backfill may go on."""

    def do(self, operation: Operation) -> None:
        self.operations.append(operation)

    def move(self, live: LiveRun, task: TaskInstance, event: TaskEvent, **changes: Any) -> TaskInstance | None:
        """Take a task instance through the transition table; None where the event means nothing in its state."""
        state = after(task.state, event)
        if state is None:
            return None
        reason = changes.pop("reason", "")
        new = task._replace(state=state, reason=reason, **changes)
        self.put(live, new, task)
        if state not in WITH_DEFERRAL and task.key in self.world.deferrals:
            self.drop_deferral(task.key)
        if state is TaskState.SUCCESS and self.world.success_clears_store:
            self.do(DropRows("task_state_store", task.key._asdict()))
        run = live.run
        self.do(
            Record(
                "task.moved",
                run.dag_id,
                run.run_id,
                task.key.task_id,
                task.key.map_index,
                new.try_number,
                task.state,
                state,
                reason,
            )
        )
        if state in FINISHED or task.state in FINISHED:
            self.touched.append((live, new))
            self.changed_runs[run.number] = None
        return new

    def put(self, live: LiveRun, new: TaskInstance, old: TaskInstance | None) -> None:
        """A new record for a task instance whose state may be the same."""
        live.put(new, old)
        self.do(PutTask(new, old.state if old else None))

    def drop(self, live: LiveRun, task: TaskInstance) -> None:
        live.drop(task)
        self.do(DropTask(task.key))

    def move_run(self, live: LiveRun, state: RunState, *, reason: str = "", **changes: Any) -> None:
        """A run changes its state."""
        before = live.run.state
        live.run = live.run._replace(state=state, reason=reason, **changes)
        if self.world.note_backfill(live.run):
            self.backfills[live.run.dag_id] = None
        self.do(PutRun(live.run, before))
        self.record_run("run.moved", live.run, before=before, after=state, reason=reason)

    def record_run(self, name: str, run: DagRun, *, before: str = "", after: str = "", reason: str = "") -> None:
        self.do(Record(name, run.dag_id, run.run_id, before=before, after=after, reason=reason))

    def put_attempt(self, new: Attempt, *, cpu_seconds: float | None = None, peak_bytes: int | None = None) -> None:
        old = self.world.attempts.get(new.id)
        self.world.put_attempt(new)
        self.do(PutAttempt(new, old.state if old else None, cpu_seconds, peak_bytes))
        if new.state not in ATTEMPT_ACTIVE:
            self.changed_runs[new.key.run] = None

    def end_attempt(self, attempt: Attempt, state: AttemptState, reason: str = "", **usage: Any) -> None:
        self.put_attempt(attempt._replace(state=state, ended_at=self.now, reason=reason), **usage)

    def put_deferral(self, deferral: Deferral) -> None:
        """A task instance waits for a trigger or for people, or has its answer."""
        self.world.put_deferral(deferral)
        self.do(PutDeferral(deferral))

    def drop_deferral(self, key: TaskKey) -> None:
        """A task instance waits no longer, and needs no answer any more."""
        deferral = self.world.drop_deferral(key)
        if deferral is None:
            return
        self.do(DropRows("deferral", key._asdict()))
        if deferral.needs_triggerer:
            self.do(StopTrigger(deferral.id))

    def put_dag(self, record: DagRecord) -> None:
        """A Dag's own row: pause, schedule, version."""
        self.world.set_dag(record)
        if record.dag_id in self.world.backfills:
            self.backfills[record.dag_id] = None
        plan = self.world.plans[record.dag_id]
        spec = plan.spec
        self.do(
            PutRow(
                "dag",
                {
                    "dag_id": record.dag_id,
                    "file": record.file,
                    "version": record.version,
                    "is_paused": record.is_paused,
                    "is_stale": record.is_stale,
                    "owners": ", ".join(spec.owners),
                    "tags": list(spec.tags),
                    "description": spec.description,
                    "timetable_summary": spec.timetable.summary,
                    "max_active_tasks": spec.max_active_tasks,
                    "max_active_runs": spec.max_active_runs,
                    **_due_columns("last", record.last_due),
                    **_due_columns("next", record.next_due),
                    "failures_in_a_row": record.failures_in_a_row,
                    "isolation": record.isolation,
                    "isolation_reason": record.isolation_reason,
                    "created_at": record.created_at or self.now,
                    "updated_at": self.now,
                },
            )
        )

    def waiting_instances(self, live: LiveRun, task_id: str) -> list[TaskInstance]:
        """The task's instances that have no state yet."""
        return [live.tasks[task_id, index] for index in tuple(live.waiting.get(task_id, ()))]

    def open_instances(self, live: LiveRun) -> list[TaskInstance]:
        return [task for task in live.tasks.values() if task.state not in FINISHED]


def _due_columns(prefix: str, due: DueRun | None) -> dict[str, datetime | None]:
    interval = due.data_interval if due else None
    return {
        f"{prefix}_logical_date": due.logical_date if due else None,
        f"{prefix}_interval_start": interval.start if interval else None,
        f"{prefix}_interval_end": interval.end if interval else None,
        f"{prefix}_run_after": due.run_after if due else None,
    }
