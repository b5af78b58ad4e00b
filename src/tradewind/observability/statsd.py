"""StatsD under Airflow's names: which lines follow from what was committed, and from what is so now.

A name stands alone (`ti.start`), and with what it is about in it (`ti.start.<dag_id>.<task_id>`): Airflow sends both.
Nothing here opens a socket or waits: lines go to `send`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tradewind.core.decisions import Operation, PutAttempt, PutRun, PutTask, Record
from tradewind.core.records import DagRun, TaskInstance
from tradewind.core.states import RUN_FINISHED, AttemptState, RunType, TaskState
from tradewind.observability.tally import BEGUN, began, between

EXECUTOR = "LocalExecutor"
"""Whose slots these are, in Airflow's words."""
LONGEST_NAME = 250
_UNFIT = re.compile(r"[^a-zA-Z0-9_.\-/]")
_FAILED = (TaskState.FAILED, TaskState.UP_FOR_RETRY)
_ENDS = frozenset(
    {
        TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED, TaskState.UP_FOR_RETRY, TaskState.UP_FOR_RESCHEDULE,
        TaskState.DEFERRED, TaskState.AWAITING_INPUT,
    }
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """Which names are sent. Patterns are found anywhere in a name; where some are allowed, none is blocked."""

    prefix: str = "airflow"
    allowed: tuple[re.Pattern[str], ...] = ()
    blocked: tuple[re.Pattern[str], ...] = ()
    with_legacy: bool = True
    known: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, prefix: str, allow_list: str, block_list: str, with_legacy: bool) -> "Choice":
        """From the settings. Raises ValueError for what is no pattern."""
        allowed, blocked = _patterns("metrics_allow_list", allow_list), _patterns("metrics_block_list", block_list)
        return cls(prefix, allowed, blocked, with_legacy)

    def named(self, name: str) -> str:
        """The name on the wire; empty where it is not sent."""
        sent = self.known.get(name)
        if sent is None:
            if len(self.known) > 50_000:  # names have ids in them: what was deleted must not stay for ever
                self.known.clear()
            sent = self.known[name] = self._named(name)
        return sent

    def _named(self, name: str) -> str:
        fit = _UNFIT.sub("_", name)
        lower = fit.lower()
        if self.allowed:
            chosen = any(pattern.search(lower) for pattern in self.allowed)
        else:
            chosen = not any(pattern.search(lower) for pattern in self.blocked)
        whole = f"{self.prefix}.{fit}" if self.prefix else fit
        return whole if chosen and len(whole) <= LONGEST_NAME else ""


def _patterns(setting: str, text: str) -> tuple[re.Pattern[str], ...]:
    try:
        return tuple(re.compile(part.strip().lower()) for part in text.split(",") if part.strip())
    except re.error as error:
        raise ValueError(f"[metrics] {setting} has a pattern that is none ({error}); mend or remove it.") from None


class StatsD:
    """Says what happens. `operator_of` names the operator of a task of a Dag, or nothing where that is not known."""

    def __init__(
        self, choice: Choice, send: Callable[[str], None], operator_of: Callable[[str, str], str] = lambda *_: ""
    ) -> None:
        self._choice = choice
        self._send = send
        self.operator_of = operator_of
        self._gauges_before: set[tuple[str, str]] = set()
        """Names with Dag and task that were not zero: when they are gone they are said to be zero, once."""

    # --- what happened ---

    def committed(self, operations: Sequence[Operation], seconds: float) -> None:
        """These became durable, so long after they were taken in."""
        self._time("scheduler.scheduler_loop_duration", None, seconds)
        task: TaskInstance | None = None
        run: DagRun | None = None
        created: Counter[tuple[str, str]] = Counter()
        dag_id = ""
        for operation in operations:
            match operation:
                case PutTask(task=task):
                    if operation.before is None:
                        # What made it, a run or an expansion, was recorded just before.
                        created[dag_id, task.key.task_id] += 1
                case PutRun(run=run):
                    pass
                case PutAttempt(attempt=attempt) if attempt.state is AttemptState.LOST:
                    self._count("task_instances_without_heartbeats_killed")
                    self._count("zombies_killed")
                case Record():
                    dag_id = operation.dag_id
                    self._recorded(operation, task, run)
        operators: Counter[str] = Counter()
        for (dag_id, task_id), times in created.items():
            operators[self.operator_of(dag_id, task_id)] += times
        for operator, times in operators.items():
            self._count("task_instance_created", f"task_instance_created_{operator}" if operator else None, times)

    def _recorded(self, record: Record, task: TaskInstance | None, run: DagRun | None) -> None:
        match record.name:
            case "task.moved" if task is not None and task.key.task_id == record.task_id:
                self._task_moved(record, task)
            case "run.created" if record.reason == "asset":
                self._count("asset.triggered_dagruns")
            case "run.moved" if run is not None and run.run_id == record.run_id:
                self._run_moved(record, run)
            case "run.deadline_missed":
                self._count("sla_missed" if record.task_id else "deadline_alerts.deadline_missed")
            case "asset.updated":
                self._count("asset.updates")

    def _task_moved(self, record: Record, task: TaskInstance) -> None:
        name, before, state = f"{record.dag_id}.{record.task_id}", record.before, task.state
        if state is TaskState.QUEUED:
            self._of_task("scheduled_duration", name, between(task.scheduled_at, task.queued_at))
        if began(before, task):
            self._count("ti.start", f"ti.start.{name}")
            if not task.leg:
                self._of_task("queued_duration", name, between(task.queued_at, task.start_date))
        if before in BEGUN and state in _ENDS and task.start_date is not None:
            self._count("ti.finish", f"ti.finish.{name}.{state}")
            if task.end_date is not None:
                self._of_task("duration", name, between(task.start_date, task.end_date))
        if state is TaskState.SUCCESS:
            self._ended("successes", record)
        elif state in _FAILED and before in BEGUN:
            self._ended("failures", record)
        if state is TaskState.REMOVED:
            self._count("task_removed_from_dag", f"task_removed_from_dag.{record.dag_id}")
        elif before == TaskState.REMOVED and state is TaskState.NONE:
            self._count("task_restored_to_dag", f"task_restored_to_dag.{record.dag_id}")

    def _ended(self, how: str, record: Record) -> None:
        self._count(f"ti_{how}")
        operator = self.operator_of(record.dag_id, record.task_id)
        self._count(f"operator_{how}", f"operator_{how}_{operator}" if operator else None)

    def _run_moved(self, record: Record, run: DagRun) -> None:
        if record.after == "running" and run.start_date is not None and not run.clear_number:
            if run.run_type is RunType.SCHEDULED:
                delay = between(run.run_after, run.start_date)
                self._time("dagrun.schedule_delay", f"dagrun.schedule_delay.{run.dag_id}", delay)
        elif record.after in RUN_FINISHED:
            name = f"dagrun.duration.{record.after}"
            self._time(name, f"{name}.{run.dag_id}", between(run.start_date, run.end_date))

    def _of_task(self, what: str, name: str, seconds: float) -> None:
        self._time(f"task.{what}", f"dag.{name}.{what}", seconds)

    # --- what is so ---

    def beat(self, components: Iterable[str]) -> None:
        """These are alive."""
        for component in components:
            self._count(f"{component}_heartbeat")

    def gauges(self, plain: Mapping[str, float], about: Mapping[tuple[str, str], float]) -> None:
        """What is so now: by name, and by name and what it is about (`pool.open_slots`, the pool)."""
        for name, value in plain.items():
            self._say(name, None, f"{value:g}|g")
        for (name, suffix), value in about.items():
            self._say("" if suffix.count(".") else name, f"{name}.{suffix}", f"{value:g}|g")
        gone = self._gauges_before - about.keys()
        for name, suffix in gone:
            self._say("", f"{name}.{suffix}", "0|g")
        self._gauges_before = {key for key, value in about.items() if value}

    # --- lines ---

    def _count(self, name: str, legacy: str | None = None, times: int = 1) -> None:
        self._say(name, legacy, f"{times}|c")

    def _time(self, name: str, legacy: str | None, seconds: float) -> None:
        self._say(name, legacy, f"{seconds * 1000:.3f}|ms")

    def _say(self, name: str, legacy: str | None, value: str) -> None:
        if name and (sent := self._choice.named(name)):
            self._send(f"{sent}:{value}")
        if legacy is not None and self._choice.with_legacy and (sent := self._choice.named(legacy)):
            self._send(f"{sent}:{value}")
