"""Runs: when one is made, when it starts, how it ends."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from tradewind.core import deadlines, tasks, watching
from tradewind.core.callbacks import call_back
from tradewind.core.dag import DagSpec
from tradewind.core.decisions import NameRuns, PutRun, Record, StopAttempt, WarmHost
from tradewind.core.errors import DagNotFound, InvalidInput, RunAlreadyExists
from tradewind.core.ids import run_id_for
from tradewind.core.inputs import CreateRun
from tradewind.core.mapping import literal_length
from tradewind.core.partition_wishes import asked_partition
from tradewind.core.past import PreviousRun, as_previous, is_before, newest_before
from tradewind.core.plan import Plan
from tradewind.core.records import DagRun, TaskInstance, TaskKey
from tradewind.core.states import (
    FAILED_STATES,
    FINISHED,
    RUN_FINISHED,
    RunState,
    RunType,
    TaskEvent,
    TaskState,
)
from tradewind.core.timetables import DueRun, manual_interval, next_run
from tradewind.core.timetables.partitions import partition_of
from tradewind.core.turn import Turn
from tradewind.core.world import DagRecord, LiveRun

WAKE_AHEAD = timedelta(seconds=5)
"""How long before a scheduled run its code host is woken."""

VANISHED = "the task is no longer in the Dag"


def create(turn: Turn, wish: CreateRun) -> DagRun:
    """Make a run that somebody asked for. Raises a TradewindError that says why not."""
    world, now = turn.world, turn.now
    plan = world.plans.get(wish.dag_id)
    record = world.dags.get(wish.dag_id)
    if plan is None or record is None or record.is_stale:
        raise DagNotFound(wish.dag_id)
    run_after = wish.run_after or now
    logical, interval = wish.logical_date, wish.interval
    if logical is None and plan.spec.generation < 3:
        logical = run_after  # code written for Airflow 2 counts on a logical date
    if logical is not None and interval is None:
        interval = manual_interval(plan.spec.timetable, logical)
    # The number keeps runs apart that are made in the same moment.
    run_id = wish.run_id or run_id_for(wish.run_type, run_after, world.next_run_number)
    if wish.taken_by:
        raise RunAlreadyExists(wish.dag_id, wish.taken_by)
    for number in world.open_runs.get(wish.dag_id, ()):
        other = world.runs[number].run
        if other.run_id == run_id or (logical and other.logical_date == logical):
            raise RunAlreadyExists(wish.dag_id, other.run_id)
    due = DueRun(logical, interval, run_after, run_id)
    partition = asked_partition(plan, wish.partition_key)
    run = new_run(turn, plan, due, wish.run_type)._replace(
        conf=wish.conf, triggered_by=wish.triggered_by, triggering_user=wish.user, note=wish.note, **partition
    )
    add(turn, run, wish.before)
    if run_after > now:
        world.at(run_after, "start_runs", wish.dag_id)
    start_queued(turn, wish.dag_id)
    return run


def new_run(turn: Turn, plan: Plan, due: DueRun, run_type: RunType) -> DagRun:
    """A run that is about to be added, by the name that `due` has for it or else by that of its moment."""
    by_schedule = run_type in (RunType.SCHEDULED, RunType.BACKFILL)
    date, key = (partition_of(plan.spec.timetable, due.run_after) if by_schedule else None) or (None, None)
    return DagRun(
        number=turn.world.next_run_number,
        dag_id=plan.spec.dag_id,
        run_id=due.run_id or run_id_for(run_type, _named_for(due, plan.spec)),
        run_type=run_type,
        state=RunState.QUEUED,
        version=plan.version,
        run_after=due.run_after,
        logical_date=due.logical_date,
        data_interval_start=due.data_interval.start if due.data_interval else None,
        data_interval_end=due.data_interval.end if due.data_interval else None,
        queued_at=turn.now,
        partition_key=key,
        partition_date=date,
    )


def add(turn: Turn, run: DagRun, stored: PreviousRun | None = None) -> LiveRun:
    """A new run, with its tasks. `stored`: what the database has as the run before; memory knows of newer ones."""
    world = turn.world
    world.next_run_number += 1
    live = LiveRun(run, world.plans[run.dag_id])
    _find_its_place(turn, live, stored)
    turn.do(PutRun(run, None))
    body = {"run_after": run.run_after.isoformat()} if run.run_after > turn.now else {}
    turn.do(Record("run.created", run.dag_id, run.run_id, after=run.state, reason=run.triggered_by, body=body))
    world.add_run(live)
    for task in _instances(live.plan.spec, run):
        turn.put(live, task, None)
    deadlines.watch(turn, live)
    return live


def _instances(spec: DagSpec, run: DagRun) -> Iterable[TaskInstance]:
    for task in spec.tasks.values():
        if run.logical_date and task.start_date and run.logical_date < task.start_date and run.backfill is None:
            continue
        length = literal_length(task.map) if task.map else None
        indexes = range(length) if length else (-1,)
        for index in indexes:
            yield TaskInstance(key=TaskKey(run.number, task.task_id, index), max_tries=task.retries)


def bring_back(turn: Turn, live: LiveRun) -> None:
    """A run that is over is looked at again, unless it is in memory. When it was read, a run that has been made since
    for a date before its own was not there yet."""
    if live.run.number in turn.world.runs:
        return
    if live.plan.past:
        _find_its_place(turn, live, live.previous)
    turn.world.add_run(live)


# --- schedule ----------------------------------------------------------------------------------------------------


def plan_next(turn: Turn, dag_id: str) -> None:
    """Work out when the Dag's timetable wants its next run, note it, and set the timer."""
    world = turn.world
    record, plan = world.dags[dag_id], world.plans[dag_id]
    due = None if record.is_stale else next_due(plan.spec, record, turn)
    if due != record.next_due:
        record = replace(record, next_due=due)
        turn.put_dag(record)
    if due is not None and not record.is_paused:
        world.at(due.run_after, "schedule", dag_id)
        if due.run_after - WAKE_AHEAD > turn.now:
            world.at(due.run_after - WAKE_AHEAD, "wake", dag_id)


def next_due(spec: DagSpec, record: DagRecord, turn: Turn) -> DueRun | None:
    if spec.timetable.kind == "custom":
        ahead = turn.world.ahead.get(record.dag_id)
        return ahead.next_run(record.last_due, spec.restriction(), turn.now) if ahead else None
    return next_run(spec.timetable, record.last_due, spec.restriction(), turn.now)


def plan_further(turn: Turn, dag_id: str) -> None:
    """Plan the run after the newest one. Where a custom timetable has named too few, its code is asked for more."""
    plan_next(turn, dag_id)
    record, spec = turn.world.dags[dag_id], turn.world.plans[dag_id].spec
    if spec.timetable.kind == "custom" and not record.is_stale:
        ahead = turn.world.ahead.get(dag_id)
        if ahead is None or ahead.is_short(record.last_due, spec.restriction(), turn.now):
            turn.do(NameRuns(dag_id))


def on_schedule(turn: Turn, dag_id: str) -> None:
    """A Dag's timer fired: make the run that is due, if the Dag may have one more."""
    world = turn.world
    record = world.dags.get(dag_id)
    if record is None or record.is_paused or record.is_stale or record.next_due is None:
        return
    plan, due = world.plans[dag_id], record.next_due
    if due.run_after > turn.now:
        return  # its own timer is set
    open_runs = [world.runs[n].run for n in world.open_runs.get(dag_id, ())]
    if due.logical_date is not None and any(run.logical_date == due.logical_date for run in open_runs):
        pass_over(turn, dag_id)
        return
    if not has_room(turn, dag_id):
        return  # looked at again when a run of this Dag ends
    if plan.spec.timetable.kind == "continuous" and record.last_due is not None:
        # It covers the time up to now, not up to when the run before it was made.
        due = next_due(plan.spec, record, turn) or due
        if due.run_after <= record.last_due.run_after:
            world.at(record.last_due.run_after + timedelta(microseconds=1), "schedule", dag_id)
            return
    turn.put_dag(replace(record, last_due=due, next_due=None))
    add(turn, new_run(turn, plan, due, RunType.SCHEDULED))
    start_queued(turn, dag_id)
    plan_further(turn, dag_id)


def pass_over(turn: Turn, dag_id: str) -> None:
    """The run that is due exists already: somebody made it by hand for the same logical date."""
    record = turn.world.dags.get(dag_id)
    if record is None or record.next_due is None:
        return
    turn.put_dag(replace(record, last_due=record.next_due, next_due=None))
    at = record.next_due.logical_date or record.next_due.run_after
    turn.do(Record("run.passed_over", dag_id, reason=f"there is a run for {at.isoformat()} already"))
    plan_further(turn, dag_id)


def _named_for(due: DueRun, spec: DagSpec) -> datetime:
    """What the id of a run of the schedule says: when it is due in Airflow 3, its logical date in Airflow 2."""
    return due.run_after if spec.generation >= 3 or due.logical_date is None else due.logical_date


def _find_its_place(turn: Turn, live: LiveRun, stored: PreviousRun | None) -> None:
    """The run before the new one, and the live runs after it that have it before them from now on."""
    world, run, catchup = turn.world, live.run, live.plan.spec.catchup
    others = [world.runs[n] for n in world.open_runs.get(run.dag_id, ())]
    over = world.last_states.get(run.dag_id, ())
    known = [*(as_previous(other.run) for other in others), *over]
    if stored is not None and all(one.number != stored.number for one in known):
        known.append(stored)
    live.previous = newest_before(run, known, catchup=catchup)
    me = as_previous(run)
    for other in others:
        nearest = other.previous
        if is_before(me, other.run, catchup=catchup) and (nearest is None or nearest.place < me.place):
            world.set_previous(other, me)


def has_room(turn: Turn, dag_id: str) -> bool:
    """Whether the Dag may have one more run that is not over."""
    unfinished = sum(live.run.state not in RUN_FINISHED for live in _own_runs(turn, dag_id))
    return unfinished < run_limit(turn.world.plans[dag_id].spec)


def _own_runs(turn: Turn, dag_id: str) -> Iterable[LiveRun]:
    """The Dag's open runs that its limit is for: those of a backfill have one of their own."""
    lives = (turn.world.runs[number] for number in turn.world.open_runs.get(dag_id, ()))
    return (live for live in lives if turn.world.backfill_of(live.run) is None)


def run_limit(spec: DagSpec) -> int:
    """How many runs of the Dag may be running at once."""
    limit = spec.max_active_runs if spec.max_active_runs > 0 else 2**31
    timetable_limit = spec.timetable.active_runs_limit
    return min(limit, timetable_limit) if timetable_limit else limit


# --- start and end -----------------------------------------------------------------------------------------------


def start_queued(turn: Turn, dag_id: str) -> None:
    """Start queued runs, oldest first, as far as the Dag's limit allows. Those of a backfill have its own limit."""
    world = turn.world
    if not world.open_runs.get(dag_id):
        return
    record, plan = world.dags.get(dag_id), world.plans.get(dag_id)
    if record is None or plan is None or record.is_paused:
        return
    room = run_limit(plan.spec) - running_runs(turn, dag_id)
    queued = [live for live in _own_runs(turn, dag_id) if live.run.state is RunState.QUEUED]
    queued.sort(key=lambda live: (live.run.run_after, live.run.number))
    for live in queued:
        if room <= 0:
            return
        if live.quarantine:
            continue
        if live.run.run_after > turn.now:
            continue  # its timer is set
        room -= 1
        start(turn, live)


def running_runs(turn: Turn, dag_id: str) -> int:
    """Runs that count against max_active_runs. One that only waits for the run before holds no place of it."""
    return sum(
        live.run.state is RunState.RUNNING and not only_waits_on_past(turn, live) for live in _own_runs(turn, dag_id)
    )


def only_waits_on_past(turn: Turn, live: LiveRun) -> bool:
    """Whether nothing of the run goes on before the run before it has."""
    return bool(live.plan.past) and live.in_motion == 0 and live.active == 0 and _waits_on_past(turn, live)


def start(turn: Turn, live: LiveRun) -> None:
    """A queued run begins."""
    turn.move_run(live, RunState.RUNNING, start_date=turn.now, end_date=None)
    timeout = live.plan.spec.dagrun_timeout_seconds
    if timeout:
        turn.world.at(turn.now + timedelta(seconds=timeout), "run_timeout", live.run.number)
    turn.do(WarmHost(live.run.dag_id, turn.now))
    for task_id in live.plan.spec.tasks:
        tasks.look_at(turn, live, task_id)
    turn.changed_runs[live.run.number] = None


def look_at_all(turn: Turn, number: int) -> None:
    """Look at every task of a run, and at its end: what it waits for may have gone unnoticed."""
    live = turn.world.runs.get(number)
    if live is not None and not live.quarantine:
        fit(turn, live)


def on_run_timeout(turn: Turn, number: int) -> None:
    """dagrun_timeout is over: what has not ended is skipped and the run has failed."""
    live = turn.world.runs.get(number)
    if live is None or live.run.state is not RunState.RUNNING or live.run.start_date is None:
        return
    timeout = live.plan.spec.dagrun_timeout_seconds
    if not timeout or live.run.start_date + timedelta(seconds=timeout) > turn.now:
        return
    stop_everything(turn, live, TaskEvent.SKIPPED, "the run took longer than dagrun_timeout")
    _finish(turn, live, RunState.FAILED, "timed_out")


def stop_everything(turn: Turn, live: LiveRun, event: TaskEvent, reason: str, *, spare: str = "") -> None:
    """Stop the run's attempts and move every unfinished task but `spare`."""
    for task in turn.open_instances(live):
        if task.key.task_id == spare:
            continue
        stop(turn, live, task, reason)
        turn.move(live, task, event, reason=reason, end_date=turn.now)


def stop(turn: Turn, live: LiveRun, task: TaskInstance, reason: str) -> None:
    """Have the task's attempt stopped, if it has one that is not being stopped already."""
    attempt = turn.world.attempts.get(task.attempt or "")
    if attempt is not None and not attempt.cancel:
        cancelled = attempt._replace(cancel=reason)
        turn.put_attempt(cancelled)
        turn.do(StopAttempt(cancelled, reason))


def look_at_end(turn: Turn) -> None:
    """Finish the runs whose last task has just ended, and let finished ones go from memory."""
    world = turn.world
    while turn.changed_runs:
        number = next(iter(turn.changed_runs))
        del turn.changed_runs[number]
        live = world.runs.get(number)
        if live is None:
            continue
        tasks.follow(turn)
        if live.run.state is RunState.RUNNING:
            _maybe_finish(turn, live)
        if live.run.state is RunState.RUNNING and only_waits_on_past(turn, live):
            # It holds no place any more.
            start_queued(turn, live.run.dag_id)
            if world.backfill_of(live.run) is not None:
                turn.backfills[live.run.dag_id] = None
        if live.run.state in RUN_FINISHED and live.active == 0 and number not in turn.changed_runs:
            world.remember_states(live)
            world.forget_run(number)


def _maybe_finish(turn: Turn, live: LiveRun) -> None:
    if live.unfinished == 0:
        states = [live.tasks[t, m].state for t in live.plan.leaves for m in live.instances.get(t, ())]
        failed = any(state in FAILED_STATES for state in states)
        _finish(turn, live, RunState.FAILED if failed else RunState.SUCCESS, "task_failure" if failed else "success")
    elif live.in_motion == 0 and live.active == 0 and not _waits_on_past(turn, live):
        _finish(turn, live, RunState.FAILED, "all_tasks_deadlocked")


def _waits_on_past(turn: Turn, live: LiveRun) -> bool:
    return any(
        live.waiting.get(task_id) and not tasks.past_is_met(turn, live, live.plan.spec.tasks[task_id])
        for task_id in live.plan.past
    )


def _finish(turn: Turn, live: LiveRun, state: RunState, reason: str) -> None:
    has_run = live.run.state is RunState.RUNNING
    turn.move_run(live, state, reason=reason, end_date=turn.now)
    deadlines.ended(turn, live, has_run=has_run)
    run, spec, world = live.run, live.plan.spec, turn.world
    kind = "on_success" if state is RunState.SUCCESS else "on_failure"
    if kind in spec.callbacks:
        call_back(turn, TaskKey(run.number, ""), f"dag:{kind}", reason, run.clear_number)
    record = world.dags.get(run.dag_id)
    if record is not None:
        _count_failures(turn, record, spec, state)
        turn.changed_runs[run.number] = None
        start_queued(turn, run.dag_id)
        due = world.dags[run.dag_id].next_due
        if due is not None and due.run_after <= turn.now:
            # In a turn of its own: a schedule that is always due would never let this one end.
            world.at(turn.now, "schedule", run.dag_id)
        if world.assets.waits(run.dag_id):
            world.at(turn.now, "assets", run.dag_id)


def _count_failures(turn: Turn, record: DagRecord, spec: DagSpec, state: RunState) -> None:
    limit = spec.max_consecutive_failed_dag_runs
    if not limit:
        return
    failures = record.failures_in_a_row + 1 if state is RunState.FAILED else 0
    if failures != record.failures_in_a_row:
        turn.put_dag(replace(record, failures_in_a_row=failures))
    if failures >= limit and not record.is_paused:
        set_paused(turn, record.dag_id, paused=True, reason=f"{failures} runs in a row failed")


def set_paused(turn: Turn, dag_id: str, *, paused: bool, reason: str = "") -> None:
    """Pause a Dag (nothing of it starts any more; what runs goes on) or let it go on."""
    world = turn.world
    record = world.dags.get(dag_id)
    if record is None:
        raise DagNotFound(dag_id)
    if record.is_paused is paused:
        return
    turn.put_dag(replace(record, is_paused=paused, failures_in_a_row=0))
    turn.do(Record("dag.paused" if paused else "dag.unpaused", dag_id, reason=reason))
    watching.refresh(turn, world.plans[dag_id].spec)
    if not paused:
        world.ready.release(("paused", dag_id), -1)
        plan_further(turn, dag_id)
        start_queued(turn, dag_id)
        if world.assets.waits(dag_id):
            world.at(turn.now, "assets", dag_id)


def adopt(turn: Turn, live: LiveRun) -> None:
    """The Dag of a live run has changed: it goes on as the Dag is now, unless it was told to stay as it is."""
    if live.run.pinned:
        return
    world = turn.world
    plan = world.plans[live.run.dag_id]
    fresh = LiveRun(live.run, plan, live.tasks.values())
    for name in ("previous", "deadlines", "lengths", "pushed", "xcoms", "active", "given_back"):
        setattr(fresh, name, getattr(live, name))
    world.runs[live.run.number] = fresh
    fit(turn, fresh)


def fit(turn: Turn, live: LiveRun) -> None:
    """Make a run's tasks those of its plan: vanished ones that have not ended are removed, new ones are added."""
    spec = live.plan.spec
    for task in list(live.tasks.values()):
        if task.key.task_id not in spec.tasks and task.state not in FINISHED:
            stop(turn, live, task, VANISHED)
            turn.move(live, task, TaskEvent.REMOVED, reason=VANISHED)
        elif task.key.task_id in spec.tasks and task.state is TaskState.REMOVED and task.reason == VANISHED:
            turn.move(live, task, TaskEvent.CLEARED)
    known = frozenset(live.instances)
    for task in _instances(spec, live.run):
        if task.key.task_id not in known:
            turn.put(live, task, None)
    for task_id in spec.tasks:
        tasks.look_at(turn, live, task_id)
    turn.changed_runs[live.run.number] = None


def mark(turn: Turn, number: int, state: RunState) -> None:
    """A person ends a run: unfinished tasks are stopped and get the state that goes with it. Or it is queued again:
    then a run that is over is looked at once more, with its tasks as they are."""
    live = turn.world.runs.get(number)
    if live is None or state is RunState.RUNNING:
        raise InvalidInput(f"A run can be marked success, failed or queued, not {state}.")
    if state is RunState.QUEUED:
        if live.run.state in RUN_FINISHED:
            live.run = live.run._replace(clear_number=live.run.clear_number + 1, quarantine="")
            turn.move_run(live, state, reason="marked", start_date=None, end_date=None, queued_at=turn.now)
            deadlines.watch(turn, live, again=True)
            start_queued(turn, live.run.dag_id)
    elif state is RunState.SUCCESS:
        for task in list(live.tasks.values()):
            if task.state is not TaskState.SUCCESS:
                stop(turn, live, task, "the run was marked success")
                turn.move(live, task, TaskEvent.MARKED_SUCCESS, reason="marked with its run", end_date=turn.now)
    else:
        for task in turn.open_instances(live):
            running = turn.world.attempts.get(task.attempt or "") is not None
            stop(turn, live, task, "the run was marked failed")
            event = TaskEvent.MARKED_FAILED if running else TaskEvent.SKIPPED
            turn.move(live, task, event, reason="marked with its run", end_date=turn.now)
    if state in RUN_FINISHED and live.run.state is not state:
        _finish(turn, live, state, "marked")
    turn.changed_runs[number] = None
