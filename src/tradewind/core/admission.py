"""Who of the ready tasks starts now: the one place where slots are given out."""

from datetime import datetime

from tradewind.core.dag import TaskSpec
from tradewind.core.decisions import DropXComs, StartAttempt
from tradewind.core.errors import CannotStart
from tradewind.core.fair_queue import Entry
from tradewind.core.ids import attempt_id
from tradewind.core.limits import LimitKey, QueueKey
from tradewind.core.records import Attempt, TaskInstance
from tradewind.core.states import AttemptState, TaskEvent, TaskState
from tradewind.core.turn import Turn
from tradewind.core.world import LiveRun, Worker, World


def admit(turn: Turn, most: int = 500) -> int:
    """Start ready tasks, best first, until limits or workers are used up; at most `most` of them. Says how many.

    Raises CannotStart, which names the run at fault.
    """
    world = turn.world
    started = 0
    closed: set[QueueKey] = set()
    world.ready.open_up()
    while started < most and world.total_active < world.parallelism:
        name = _best(world, closed)
        if name is None:
            break
        entry = world.ready.head(name)
        assert entry is not None
        try:
            started += _admit(turn, name, entry, closed)
        except Exception as fault:
            raise CannotStart(entry.run, fault) from fault
    return started


def _admit(turn: Turn, name: QueueKey, entry: Entry, closed: set[QueueKey]) -> bool:
    """Start the first task of a queue, or say why it cannot start now; whether it has started."""
    world = turn.world
    live, task, spec = _resolve(world, entry)
    if live is None or task is None or spec is None:
        world.ready.drop(name)
    elif name != (spec.queue, spec.pool):
        # Its Dag has changed since: it waits elsewhere now.
        world.ready.drop(name)
        world.queue_ready(live, task, spec)
    elif limit := full_limit(world, live, spec, task):
        world.ready.park(name, limit)
    elif (free := world.pool_free(spec.pool) or 0) <= 0 or (worker := world.worker_for(spec.queue)) is None:
        closed.add(name)
        world.ready.close(name)
    elif free < spec.pool_slots:
        # Smaller tasks behind it need not wait for it.
        world.ready.park(name, ("pool", spec.pool, str(spec.pool_slots)))
    else:
        world.ready.take(name)
        _assign(turn, live, task, spec, worker)
        return True
    return False


def _best(world: World, closed: set[tuple[str, str]]) -> tuple[str, str] | None:
    return next((name for _, name in world.ready.heads() if name not in closed), None)


def _resolve(world: World, entry: Entry) -> tuple[LiveRun | None, TaskInstance | None, TaskSpec | None]:
    live = world.runs.get(entry.run)
    task = world.task(entry.key)
    if live is None or live.quarantine or task is None or task.state is not TaskState.SCHEDULED:
        return None, None, None
    return live, task, live.spec_of(entry.key.task_id)


def full_limit(world: World, live: LiveRun, spec: TaskSpec, task: TaskInstance) -> LimitKey | None:
    """The limit, other than pool and workers, that forbids this task to start now; None when none does."""
    dag_id, key = live.run.dag_id, task.key
    if world.dags[dag_id].is_paused:
        return ("paused", dag_id)
    if key in world.active_of:
        return ("attempt", str(key.run), key.task_id, str(key.map_index))
    if world.dag_active.get(dag_id, 0) >= live.plan.spec.max_active_tasks > 0:
        return ("dag", dag_id)
    by_dag, by_run = ("task", dag_id, key.task_id), ("task_in_run", str(key.run), key.task_id)
    if spec.max_active_tis_per_dag is not None and world.task_active.get(by_dag, 0) >= spec.max_active_tis_per_dag:
        return by_dag
    if (
        spec.max_active_tis_per_dagrun is not None
        and world.task_active.get(by_run, 0) >= spec.max_active_tis_per_dagrun
    ):
        return by_run
    return None


def _assign(turn: Turn, live: LiveRun, task: TaskInstance, spec: TaskSpec, worker: Worker) -> None:
    """Give the task a slot and a worker. The attempt row is the outbox: it is offered until its worker answers."""
    now: datetime = turn.now
    attempt = Attempt(
        id=attempt_id(task.key, task.try_number, task.leg),
        key=task.key,
        try_number=task.try_number,
        leg=task.leg,
        state=AttemptState.ASSIGNED,
        worker=worker.name,
        pool=spec.pool,
        pool_slots=spec.pool_slots,
        version=turn.world.dags[live.run.dag_id].version,
        assigned_at=now,
    )
    moved = turn.move(live, task, TaskEvent.QUEUED, attempt=attempt.id, queued_at=now)
    assert moved is not None
    if task.leg == 0 and task.try_number > 1:
        turn.do(DropXComs(task.key))
        live.forget_xcoms(task.key)
    turn.put_attempt(attempt)
    turn.do(StartAttempt(attempt))
