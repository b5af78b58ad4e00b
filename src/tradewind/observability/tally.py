"""Tally: counts what was committed, so that whoever wants numbers needs no look into tables that grow.

It begins anew with each owner; a counter that begins anew is what Prometheus expects. The number of series is bounded:
`MOST_TASKS` tasks and `MOST_DAGS` Dags have series of their own, and all that come later are counted together.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any

from tradewind.core.decisions import Operation, PutAttempt, PutRun, PutTask, Record
from tradewind.core.records import DagRun, TaskInstance
from tradewind.core.states import FINISHED, RUN_FINISHED, AttemptState, TaskState
from tradewind.observability.families import Counter, Histogram

MOST_DAGS = 500
MOST_TASKS = 1000
STATES_OF_TASKS = 5

BEGUN = frozenset({TaskState.QUEUED, TaskState.RUNNING})
"""From these a task ends a start: news that it runs may come with the news that it has ended."""
_WENT_ON = frozenset({TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED, TaskState.UP_FOR_RETRY})
"""Ends of a try."""
_AFTER_A_START = _WENT_ON | {TaskState.DEFERRED, TaskState.AWAITING_INPUT, TaskState.UP_FOR_RESCHEDULE}


class Tally:
    """Totals and distributions since this scheduler became the owner."""

    def __init__(self) -> None:
        dag, task = ("dag_id",), ("dag_id", "task_id")
        self.tries = Histogram(
            "tradewind_task_duration_seconds", "How long tries of a task ran.", task, most=MOST_TASKS
        )  # fmt: skip
        self._ended = Counter(
            "tradewind_task_instances_finished_total", "Task instances by the state in which they ended.",
            (*task, "state"), most=MOST_TASKS * STATES_OF_TASKS,
        )  # fmt: skip
        self._retries = Counter(
            "tradewind_task_retries_total", "Tries that failed and are followed by another.", task, most=MOST_TASKS
        )
        self._starts = Counter("tradewind_task_starts_total", "Starts of task instances.", dag, most=MOST_DAGS)
        self._queued = Histogram(
            "tradewind_task_queue_delay_seconds", "From getting a slot to starting.", dag, most=MOST_DAGS
        )
        self._waited = Histogram(
            "tradewind_task_scheduling_delay_seconds", "From being ready to getting a slot.", dag, most=MOST_DAGS
        )
        self._created = Counter(
            "tradewind_runs_created_total", "Runs by what made them.", ("dag_id", "triggered_by"), most=MOST_DAGS * 4
        )
        self._runs = Counter(
            "tradewind_runs_finished_total", "Runs by the state in which they ended.", ("dag_id", "state"),
            most=MOST_DAGS * 2,
        )  # fmt: skip
        self._run_seconds = Histogram("tradewind_run_duration_seconds", "How long runs took.", dag, most=MOST_DAGS)
        self._run_delay = Histogram(
            "tradewind_run_start_delay_seconds", "From the moment a run may start to its start.", dag, most=MOST_DAGS
        )
        self._deadlines = Counter(
            "tradewind_deadlines_missed_total", "Deadlines and SLAs that were missed.", dag, most=MOST_DAGS
        )
        self._lost = Counter("tradewind_attempts_lost_total", "Tries that vanished with their worker.", most=1)
        self._events = Counter("tradewind_events_total", "Rows of the event log by their topic.", ("topic",), most=100)
        self._updates = Counter("tradewind_asset_updates_total", "Updates of assets.", most=1)
        self._commits = Histogram(
            "tradewind_commit_seconds", "From taking what came in to its being durable.", most=1
        )  # fmt: skip

    def committed(self, operations: Iterable[Operation], seconds: float) -> None:
        """These became durable, so long after they were taken in."""
        self._commits.observe(seconds)
        task: TaskInstance | None = None
        run: DagRun | None = None
        for operation in operations:
            # By type rather than by pattern: there are a dozen of these for each task, and this is their only cost.
            if type(operation) is PutTask:
                task = operation.task
            elif type(operation) is Record:
                self._recorded(operation, task, run)
            elif type(operation) is PutRun:
                run = operation.run
            elif type(operation) is PutAttempt and operation.attempt.state is AttemptState.LOST:
                self._lost.add()

    def families(self, dag_ids: Iterable[str] = ()) -> list[dict[str, Any]]:
        """All of it as plain values, with zeros for what may happen to these Dags."""
        for dag_id in dag_ids:
            self._deadlines.know(dag_id)
            for state in RUN_FINISHED:
                self._runs.know(dag_id, state)
        return [
            each.plain()
            for each in (
                self.tries, self._ended, self._retries, self._starts, self._queued, self._waited, self._created,
                self._runs, self._run_seconds, self._run_delay, self._deadlines, self._lost, self._events,
                self._updates, self._commits,
            )
        ]  # fmt: skip

    def _recorded(self, record: Record, task: TaskInstance | None, run: DagRun | None) -> None:
        name = record.name
        self._events.add(_topic(name))
        if name == "task.moved":
            if task is not None and task.key.task_id == record.task_id:
                self._task_moved(record, task)
            return
        match name:
            case "run.created":
                self._created.add(record.dag_id, record.reason or "timetable")
            case "run.moved" if run is not None and run.run_id == record.run_id:
                self._run_moved(record, run)
            case "run.deadline_missed":
                self._deadlines.add(record.dag_id)
            case "asset.updated":
                self._updates.add()

    def _task_moved(self, record: Record, task: TaskInstance) -> None:
        dag_id, task_id, before, state = record.dag_id, record.task_id, record.before, task.state
        if state is TaskState.QUEUED:
            self._waited.observe(between(task.scheduled_at, task.queued_at), dag_id)
            for end in (TaskState.SUCCESS, TaskState.FAILED):
                self._ended.know(dag_id, task_id, end)
        if began(before, task):
            self._starts.add(dag_id)
            if not task.leg:
                self._queued.observe(between(task.queued_at, task.start_date), dag_id)
        if state in FINISHED:
            self._ended.add(dag_id, task_id, state)
        elif state is TaskState.UP_FOR_RETRY:
            self._retries.add(dag_id, task_id)
        if before in BEGUN and state in _WENT_ON and task.start_date and task.end_date:
            self.tries.observe(between(task.start_date, task.end_date), dag_id, task_id)

    def _run_moved(self, record: Record, run: DagRun) -> None:
        if record.after == "running" and run.start_date:
            could = max(run.run_after, run.queued_at or run.run_after)
            self._run_delay.observe(between(could, run.start_date), run.dag_id)
        elif record.after in RUN_FINISHED:
            self._runs.add(run.dag_id, record.after)
            if run.start_date and run.end_date:
                self._run_seconds.observe(between(run.start_date, run.end_date), run.dag_id)


@cache
def _topic(name: str) -> str:
    return name.partition(".")[0]


def began(before: str, task: TaskInstance) -> bool:
    """Whether this move tells that a start has begun. The end may be told before the beginning is."""
    if task.state is TaskState.RUNNING:
        return True
    return before == TaskState.QUEUED and task.state in _AFTER_A_START and task.start_date is not None


def between(start: datetime | None, end: datetime | None) -> float:
    """Seconds from one to the other; 0 where one is not known, or they are the wrong way round."""
    return max(0.0, (end - start).total_seconds()) if start and end else 0.0
