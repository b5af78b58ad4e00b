"""The scheduler on one page: state + input + now → state' + operations.

`decide` advances the World and returns the operations that make the database say the same. It is total for whatever
is stored: input that means nothing in the present state changes nothing. Only wishes of people (CreateRun, SetPaused,
Clear, Mark…) may be refused, with a TradewindError, before anything has changed.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any, assert_never

from tradewind.core import (
    attempts,
    backfills,
    callbacks,
    consuming,
    deadlines,
    deferral,
    partitioned,
    questions,
    reruns,
    runs,
    state_stores,
    tasks,
    watching,
)
from tradewind.core.admission import admit
from tradewind.core.dag import DagSpec
from tradewind.core.dag_access import FIELD as ACCESS
from tradewind.core.decisions import DropRows, Operation, PutRow, Record, WarmHost
from tradewind.core.inputs import (
    AssetStoreChanged,
    AssetsUpdated,
    AttemptFinished,
    AttemptStarted,
    BackfillFound,
    CallbackBegun,
    CallbackFinished,
    CancelBackfill,
    Clear,
    CreateBackfill,
    CreateRun,
    DagGone,
    DagLoaded,
    DropPartitions,
    Input,
    MarkRun,
    MarkTasks,
    PauseBackfill,
    PoolsChanged,
    QuestionAnswered,
    SetPaused,
    TakeNewTasks,
    TaskStoreChanged,
    TimerFired,
    TriggerAnswered,
    WatcherFailed,
    WatcherFired,
    WorkerExpired,
    WorkerJoined,
    WorkerLeft,
    XComDropped,
    XComPushed,
)
from tradewind.core.plan import Plan
from tradewind.core.records import TaskKey
from tradewind.core.states import TaskState
from tradewind.core.turn import Turn
from tradewind.core.world import DagRecord, World


def decide(world: World, event: Input, now: datetime) -> tuple[list[Operation], Any]:
    """What follows from one input: the operations in order, and the answer for whoever asked."""
    turn = Turn(world, now)
    answer = _react(turn, event)
    _follow(turn)
    while backfills.follow(turn):
        _follow(turn)
    return turn.operations, answer


def _follow(turn: Turn) -> None:
    tasks.follow(turn)
    runs.look_at_end(turn)
    tasks.follow(turn)


def admit_ready(world: World, now: datetime, most: int = 500) -> list[Operation]:
    """Give free slots to ready tasks."""
    turn = Turn(world, now)
    admit(turn, most)
    return turn.operations


def _react(turn: Turn, event: Input) -> Any:
    match event:
        case AttemptStarted():
            attempts.started(turn, event)
        case AttemptFinished():
            attempts.finished(turn, event)
        case XComPushed():
            attempts.pushed(turn, event)
        case XComDropped():
            attempts.dropped(turn, event)
        case TaskStoreChanged():
            return state_stores.task_store_changed(turn, event)
        case AssetStoreChanged():
            return state_stores.asset_store_changed(turn, event)
        case CallbackBegun():
            callbacks.begun(turn, event)
        case CallbackFinished():
            callbacks.finished(turn, event)
            deadlines.worked_out(turn, event)
        case TriggerAnswered():
            deferral.answered(turn, event)
        case WatcherFired():
            consuming.updated_by_watcher(turn, event)
        case WatcherFailed():
            watching.failed(turn, event)
        case QuestionAnswered():
            return questions.answered(turn, event)
        case AssetsUpdated():
            return consuming.updated_from_outside(turn, event)
        case TimerFired(kind=kind, subject=subject):
            _on_timer(turn, kind, subject)
        case DagLoaded():
            _dag_loaded(turn, event)
        case DagGone(dag_id=dag_id):
            _dag_gone(turn, dag_id)
        case CreateRun():
            return runs.create(turn, event)
        case SetPaused(dag_id=dag_id, paused=paused):
            runs.set_paused(turn, dag_id, paused=paused)
        case Clear():
            return reruns.clear(turn, event)
        case MarkTasks():
            return reruns.mark_tasks(turn, event)
        case TakeNewTasks():
            return reruns.take_new_tasks(turn, event)
        case DropPartitions():
            return reruns.drop_partitions(turn, event)
        case MarkRun():
            for live in event.loaded:
                runs.bring_back(turn, live)
            runs.mark(turn, event.run, event.state)
        case CreateBackfill():
            return backfills.create(turn, event)
        case BackfillFound():
            backfills.found(turn, event)
        case PauseBackfill():
            return backfills.set_paused(turn, event)
        case CancelBackfill():
            return backfills.cancel(turn, event)
        case WorkerJoined():
            attempts.worker_joined(turn, event)
        case WorkerLeft():
            attempts.worker_left(turn, event)
        case WorkerExpired():
            attempts.worker_expired(turn, event)
        case PoolsChanged():
            pass
        case _:
            assert_never(event)
    return None


def _on_timer(turn: Turn, kind: str, subject: Any) -> None:
    """A timer is a hint: what it was set for may have changed since."""
    world = turn.world
    match kind:
        case "task":
            key: TaskKey = subject
            live, task = world.runs.get(key.run), world.task(key)
            if live is None or task is None or task.not_before is None or task.not_before > turn.now:
                return
            spec = live.spec_of(key.task_id)
            if spec is not None and task.state in (TaskState.UP_FOR_RETRY, TaskState.UP_FOR_RESCHEDULE):
                tasks.make_ready(turn, live, spec, task)
        case "deferral":
            deferral.on_timer(turn, subject)
        case "watcher":
            watching.on_timer(turn, subject)
        case "question":
            questions.on_timer(turn, subject)
        case "assets":
            consuming.look_at(turn, subject)
        case "schedule":
            runs.on_schedule(turn, subject)
        case "schedule_taken":
            dag_id, run_after = subject
            record = world.dags.get(dag_id)
            if record is not None and record.next_due is not None and record.next_due.run_after == run_after:
                runs.pass_over(turn, dag_id)
        case "start_runs":
            runs.start_queued(turn, subject)
        case "backfill":
            turn.backfills[subject] = None
        case "run":
            runs.look_at_all(turn, subject)
        case "deadline":
            deadlines.on_timer(turn, subject)
        case "run_timeout":
            runs.on_run_timeout(turn, subject)
        case "wake":
            record = world.dags.get(subject)
            if record is not None and record.next_due is not None and not record.is_paused:
                turn.do(WarmHost(subject, record.next_due.run_after))


def _dag_loaded(turn: Turn, news: DagLoaded) -> None:
    world, spec = turn.world, news.spec
    if world.refuses(spec.dag_id):
        return
    unplanned = world.unplanned.pop(spec.dag_id, None)
    known = world.dags.get(spec.dag_id) or unplanned
    changed = known is None or known.version != news.version or unplanned is not None
    before = spec if not changed else _spec_now(world, spec.dag_id)
    if world.plans.version(spec.dag_id) != news.version:
        world.set_plan(Plan(spec, news.version), news.encoded)
    if unplanned is not None:
        world.take_back(spec.dag_id)
    if len(news.runtimes) > len(world.runtimes.get(spec.dag_id, ())):
        # What ended since the Dag looks at it is known already.
        deadlines.keep_runtimes(turn, spec.dag_id, news.runtimes)
    if changed:
        turn.do(
            PutRow(
                "dag_version",
                {
                    "id": news.version,
                    "dag_id": spec.dag_id,
                    "number": news.number,
                    "spec": news.encoded,
                    "source": news.digest,
                    "created_at": turn.now,
                },
            )
        )
        turn.do(Record("dag.version", spec.dag_id, body={"version": news.version, "number": news.number}))
        _put_access(turn, spec, before, is_new=known is None)
    facts: dict[str, Any] = {
        "file": spec.file,
        "version": news.version,
        "is_stale": False,
        "isolation": news.isolation,
        "isolation_reason": news.isolation_reason,
    }
    if known is None:
        paused = news.paused_at_creation if spec.is_paused_upon_creation is None else spec.is_paused_upon_creation
        record = DagRecord(dag_id=spec.dag_id, is_paused=paused, created_at=turn.now, **facts)
    else:
        record = replace(known, **facts)
    if record != known or changed:
        turn.put_dag(record)
    if changed and known is not None:
        for number in list(world.open_runs.get(spec.dag_id, ())):
            runs.adopt(turn, world.runs[number])
        world.ready.release_all(spec.dag_id, [str(n) for n in world.open_runs.get(spec.dag_id, ())])
    named = _take_names(turn, news)
    if changed or record.next_due is None or (named and record.next_due.run_after > turn.now):
        # A due run stands until it is made: asking again with the same past could skip it.
        runs.plan_next(turn, spec.dag_id)
    runs.start_queued(turn, spec.dag_id)
    if world.assets.waits(spec.dag_id):
        consuming.fit(turn, spec.dag_id, before)
        partitioned.named(turn, spec.dag_id, news.partitions)
    watching.refresh(turn, before, spec)


def _put_access(turn: Turn, spec: DagSpec, before: DagSpec | None, *, is_new: bool) -> None:
    """What the file lets roles do with the Dag, in the place of what it let them do before."""
    if not is_new and (before is None or ACCESS in before.extra):
        turn.do(DropRows("dag_access", {"dag_id": spec.dag_id}))
    for role, rights in spec.extra.get(ACCESS, {}).items():
        turn.do(PutRow("dag_access", {"role": role, "dag_id": spec.dag_id, "rights": rights}))


def _spec_now(world: World, dag_id: str) -> DagSpec | None:
    plan = world.plans.get(dag_id)
    return plan.spec if plan is not None else None


def _take_names(turn: Turn, news: DagLoaded) -> bool:
    """Take in the runs that a custom timetable has named; whether there is anything new."""
    ahead = turn.world.ahead
    if news.spec.timetable.kind != "custom" or news.ahead is None:
        ahead.pop(news.spec.dag_id, None)
        return False
    ahead[news.spec.dag_id] = replace(news.ahead, answered_at=turn.now)
    return True


def _dag_gone(turn: Turn, dag_id: str) -> None:
    turn.world.ahead.pop(dag_id, None)
    record = turn.world.dags.get(dag_id)
    if record is not None and not record.is_stale:
        turn.put_dag(replace(record, is_stale=True, next_due=None))
        turn.do(Record("dag.gone", dag_id))
        watching.refresh(turn, turn.world.plans[dag_id].spec)
