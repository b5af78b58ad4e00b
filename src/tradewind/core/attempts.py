"""What a report about an attempt means for its task."""

from datetime import datetime, timedelta
from typing import Any

from tradewind.core import callbacks, consuming, deferral, questions, runs, tasks
from tradewind.core.dag import TaskSpec
from tradewind.core.decisions import DropRows, PutRendered, PutXCom, Record, StartAttempt, StopAttempt, StopStray
from tradewind.core.inputs import (
    AttemptFinished,
    AttemptStarted,
    WorkerExpired,
    WorkerJoined,
    WorkerLeft,
    XCom,
    XComDropped,
    XComPushed,
)
from tradewind.core.records import Attempt, TaskInstance, TaskKey
from tradewind.core.retries import is_eligible, retry_delay
from tradewind.core.states import AttemptState, TaskEvent, TaskState
from tradewind.core.turn import Turn
from tradewind.core.world import LiveRun, Worker

MOST_GIVEN_BACK = 20
"""How often a task is offered again that workers hand back unstarted; then something is wrong with it or with them."""

FREE_LOSSES = 2
"""How often a task that vanished with its worker starts again without consuming a retry."""

LOST_GRACE = timedelta(seconds=3)
"""How long after a worker's lease another attempt may start, so that the old one is surely gone."""

_ENDS = {
    "success": AttemptState.SUCCESS,
    "skipped": AttemptState.SKIPPED,
    "failed": AttemptState.FAILED,
    "failed_for_good": AttemptState.FAILED,
    "rescheduled": AttemptState.RESCHEDULED,
    "deferred": AttemptState.DEFERRED,
    "awaiting_input": AttemptState.AWAITING_INPUT,
    "lost": AttemptState.LOST,
    "cancelled": AttemptState.CANCELLED,
    "not_started": AttemptState.NOT_STARTED,
}


def started(turn: Turn, report: AttemptStarted) -> None:
    """The worker has begun to execute the attempt."""
    attempt = turn.world.attempts.get(report.attempt)
    if attempt is None or attempt.state is not AttemptState.ASSIGNED:
        return
    turn.put_attempt(attempt._replace(state=AttemptState.RUNNING, started_at=report.start_date))
    live = turn.world.runs[attempt.key.run]
    task = live.tasks[attempt.key.task_id, attempt.key.map_index]
    if task.attempt == attempt.id:
        live.given_back.pop((task.key.task_id, task.key.map_index), None)
        start = task.start_date if task.leg and task.start_date else report.start_date
        turn.move(live, task, TaskEvent.STARTED, start_date=start)


def finished(turn: Turn, report: AttemptFinished) -> None:
    """An attempt is over. One that is not current is noted and changes nothing."""
    attempt = turn.world.attempts.get(report.attempt)
    if attempt is None:
        turn.do(Record("attempt.stale_report", reason=report.outcome, body={"attempt": report.attempt}))
        return
    live = turn.world.runs[attempt.key.run]
    task = live.tasks.get((attempt.key.task_id, attempt.key.map_index))
    cancelled = attempt.cancel
    state = _ENDS.get(report.outcome, AttemptState.FAILED)
    if attempt.started_at is None and report.start_date is not None:
        attempt = attempt._replace(started_at=report.start_date)
    turn.end_attempt(
        attempt,
        state,
        report.error or cancelled,
        cpu_seconds=report.cpu_seconds,
        peak_bytes=report.peak_bytes,
    )
    if task is None or task.attempt != attempt.id:
        return
    task = task._replace(attempt=None)
    if report.rendered is not None:
        turn.do(PutRendered(task.key, report.rendered))
    for xcom in report.xcoms:
        keep_xcom(turn, live, task.key, xcom)
    if task.state is TaskState.RESTARTING:
        _restart(turn, live, task, report)
        return
    spec = live.spec_of(task.key.task_id)
    if spec is None or after_final_state(task):
        turn.put(live, task, live.tasks[task.key.task_id, task.key.map_index])
        return
    _conclude(turn, live, spec, task, attempt, report)


def after_final_state(task: TaskInstance) -> bool:
    """The task has its state already (marked, timed out): the end of its attempt changes nothing."""
    return task.state not in (TaskState.QUEUED, TaskState.RUNNING)


def _conclude(
    turn: Turn, live: LiveRun, spec: TaskSpec, task: TaskInstance, attempt: Attempt, report: AttemptFinished
) -> None:
    start = task.start_date or report.start_date
    times: dict[str, Any] = {"attempt": None, "start_date": start, "end_date": report.end_date or turn.now}
    match report.outcome:
        case "success":
            label = report.map_label
            turn.move(live, task, TaskEvent.SUCCEEDED, **times, rendered_map_index=label)
            _skip(turn, live, spec, report.skip)
            if report.asset_events:
                consuming.updated_by_task(turn, live, task.key, attempt.id, report.asset_events)
        case "skipped":
            turn.move(live, task, TaskEvent.SKIPPED, **times, reason=report.error or "it skipped itself")
        case "rescheduled":
            wait = report.reschedule_at - report.end_date if report.reschedule_at and report.end_date else timedelta(0)
            at = _ended(turn, task, report) + wait
            turn.move(live, task, TaskEvent.RESCHEDULED, **times, not_before=at)
            turn.world.at(at, "task", task.key)
        case "not_started":
            _give_back(turn, live, spec, task, report.error or "no worker could start it")
        case "lost":
            _lost(turn, live, spec, task, attempt, report.error or "its worker was lost")
        case "cancelled" if attempt.cancel:
            fail(turn, live, spec, task, attempt.cancel, called=False, **times)
        case "cancelled":
            # Nobody here asked for it: its worker was shut down under it.
            _lost(turn, live, spec, task, attempt, report.error or "its worker was shut down")
        case "failed_for_good":
            fail(turn, live, spec, task, report.error, called=not report.died, **times)
        case "deferred" if report.defer is not None:
            deferral.defer(turn, live, spec, task, report, **times | {"end_date": None})
        case "awaiting_input" if report.ask is not None:
            questions.ask(turn, live, task, report, **times | {"end_date": None})
        case _:
            if is_eligible(task.try_number, task.max_tries):
                _retry(turn, live, spec, task, report, times, called=not report.died)
            else:
                fail(turn, live, spec, task, report.error, called=not report.died, **times)


def _retry(
    turn: Turn,
    live: LiveRun,
    spec: TaskSpec,
    task: TaskInstance,
    report: AttemptFinished,
    times: dict[str, Any],
    *,
    called: bool,
) -> None:
    if report.retry_delay_seconds is not None:
        delay = timedelta(seconds=report.retry_delay_seconds)
    else:
        cap = turn.world.max_retry_delay_seconds
        delay = retry_delay(spec, live.run.dag_id, live.run.logical_date, task.try_number, cap)
    at = _ended(turn, task, report) + delay
    turn.move(live, task, TaskEvent.RETRIES, **times, not_before=at, reason=report.error)
    turn.world.at(at, "task", task.key)
    callbacks.after_try(turn, live, spec, task, "on_retry", report.error, called=called)


def _ended(turn: Turn, task: TaskInstance, report: AttemptFinished) -> datetime:
    """When the attempt ended. The worker's clock may be wrong: it was between the start by our clock and now."""
    return min(max(report.end_date or turn.now, task.queued_at or turn.now), turn.now)


def fail(
    turn: Turn, live: LiveRun, spec: TaskSpec, task: TaskInstance, reason: str, *, called: bool, **times: Any
) -> None:
    """The task has failed and is not tried again. `called`: its process has called its callbacks."""
    turn.move(live, task, TaskEvent.FAILED, **times, reason=reason)
    callbacks.after_try(turn, live, spec, task, "on_failure", reason, called=called)
    if live.plan.spec.fail_fast:
        for other in turn.open_instances(live):
            other_spec = live.spec_of(other.key.task_id)
            if other.key == task.key or (other_spec and other_spec.is_teardown):
                continue
            why = f"fail_fast: {task.key.task_id} failed"
            runs.stop(turn, live, other, why)
            event = TaskEvent.MARKED_FAILED if other.state is TaskState.RUNNING else TaskEvent.SKIPPED
            turn.move(live, other, event, reason=why, end_date=turn.now)


def _give_back(turn: Turn, live: LiveRun, spec: TaskSpec, task: TaskInstance, why: str) -> None:
    place = (task.key.task_id, task.key.map_index)
    live.given_back[place] = live.given_back.get(place, 0) + 1
    if live.given_back[place] > MOST_GIVEN_BACK:
        start = task.start_date or turn.now
        fail(turn, live, spec, task, why, called=False, attempt=None, start_date=start, end_date=turn.now)
        return
    # The agent says it never started this attempt, so no retry is consumed; the next start is the next leg.
    moved = turn.move(
        live, task, TaskEvent.GIVEN_BACK, attempt=None, leg=task.leg + 1, reason="the worker gave it back unstarted"
    )
    if moved is not None:
        turn.world.queue_ready(live, moved, spec)


def _lost(turn: Turn, live: LiveRun, spec: TaskSpec, task: TaskInstance, attempt: Attempt, reason: str) -> None:
    """Law 4: started again when it may be, and the loss is not held against its retries."""
    times: dict[str, Any] = {"attempt": None, "end_date": turn.now, "start_date": task.start_date or attempt.started_at}
    waited_for = turn.world.deferrals.get(task.key)
    free = task.losses < FREE_LOSSES and spec.lost_policy != "fail"
    if free and (spec.retries > 0 or spec.lost_policy == "retry"):
        turn.move(
            live,
            task,
            TaskEvent.RETRIES,
            **times,
            reason=reason,
            not_before=turn.now,
            max_tries=task.max_tries + 1,
            losses=task.losses + 1,
        )
        turn.world.at(turn.now, "task", task.key)
        questions.keep(turn, waited_for)
        callbacks.after_try(turn, live, spec, task, "on_retry", reason, called=False)
    elif spec.lost_policy != "fail" and is_eligible(task.try_number, task.max_tries):
        report = AttemptFinished(attempt=attempt.id, outcome="failed", error=reason)
        _retry(turn, live, spec, task, report, times, called=False)
        questions.keep(turn, waited_for)
    else:
        fail(turn, live, spec, task, reason, called=False, **times)


def _restart(turn: Turn, live: LiveRun, task: TaskInstance, report: AttemptFinished) -> None:
    """It was cleared while it ran, and now its attempt is over: it begins anew."""
    spec = live.spec_of(task.key.task_id)
    retries = spec.retries if spec else 0
    anew = {"attempt": None, "pending": "", "leg": 0, "losses": 0}
    turn.move(live, task, TaskEvent.CLEARED, **anew, max_tries=task.try_number + retries)
    tasks.look_at(turn, live, task.key.task_id)


def _skip(turn: Turn, live: LiveRun, spec: TaskSpec, names: tuple[str, ...]) -> None:
    """A branch or short circuit has decided: these tasks are skipped now, whatever their trigger rule."""
    for name in names:
        task_id, _, index = name.partition("[")
        number = index.rstrip("]")
        if number.isdecimal() and live.plan.share_a_group(spec.task_id, task_id):
            decider = TaskKey(live.run.number, spec.task_id, int(number))
            if (task_id, -1) in live.tasks:
                # Nobody knows yet into how much of it this element expands: the decision waits beside its decider.
                keep_xcom(turn, live, decider, XCom(name=tasks.decision_about(task_id), value=b"true"))
            else:
                tasks.skip_beside(turn, live, task_id, decider)
            continue
        # What names no task instance here skips nothing.
        wanted = [int(number)] if number.isdecimal() else list(live.instances.get(name, ()))
        tasks.skip_decided(turn, live, task_id, wanted, spec.task_id)


def keep_xcom(turn: Turn, live: LiveRun, key: TaskKey, xcom: XCom) -> None:
    """Store a value, and keep what offers and expansions of this run will ask for."""
    turn.do(PutXCom(key, xcom.name, xcom.value, xcom.length))
    live.keep_xcom(key, xcom.name, xcom.value, xcom.length)


def pushed(turn: Turn, report: XComPushed) -> None:
    """A running attempt left a value before its end."""
    if report.attempt and report.attempt not in turn.world.attempts:
        turn.do(Record("attempt.stale_report", reason="xcom", body={"attempt": report.attempt}))
        return
    key = TaskKey(report.run, report.task_id, report.map_index)
    live = turn.world.runs.get(report.run)
    if live is not None:
        keep_xcom(turn, live, key, report.xcom)
    else:
        turn.do(PutXCom(key, report.xcom.name, report.xcom.value, report.xcom.length))


def dropped(turn: Turn, wish: XComDropped) -> None:
    """A person deleted a value: offers and expansions that come later do not find it."""
    key = TaskKey(wish.run, wish.task_id, wish.map_index)
    live = turn.world.runs.get(wish.run)
    if live is not None:
        live.forget_xcom(key, wish.name)
    turn.do(DropRows("xcom", {**key._asdict(), "key": wish.name}))


# --- workers -----------------------------------------------------------------------------------------------------


def worker_joined(turn: Turn, news: WorkerJoined) -> None:
    """An agent registered: what its predecessor held is lost, what it does not know is offered again."""
    world = turn.world
    held = [a for a in world.attempts.values() if a.worker == news.name]
    world.workers[news.name] = Worker(
        name=news.name,
        instance=news.instance,
        epoch=news.epoch,
        capacity=news.capacity,
        queues=news.queues,
        used=len(held),
    )
    turn.do(Record("worker.joined", body={"worker": news.name, "epoch": news.epoch, "capacity": news.capacity}))
    for stray in sorted(news.holds - world.attempts.keys() - world.unread):
        # It was given up here while its worker was away: nothing of it may go on beside its successor.
        turn.do(StopStray(news.name, stray))
    for attempt in held:
        if attempt.id in news.holds:
            if attempt.cancel:
                turn.do(StopAttempt(attempt, attempt.cancel))
        elif news.fresh:
            # The new instance made sure that nothing of the old one runs, before it registered.
            finished(turn, AttemptFinished(attempt=attempt.id, outcome="lost", error="its agent died"))
        elif attempt.state is AttemptState.ASSIGNED and attempt.cancel:
            # It never arrived, and nobody wants it any more.
            finished(turn, AttemptFinished(attempt=attempt.id, outcome="cancelled"))
        elif attempt.state is AttemptState.ASSIGNED:
            turn.do(StartAttempt(attempt))
        else:
            finished(turn, AttemptFinished(attempt=attempt.id, outcome="lost", error="its agent does not know it"))


def worker_left(turn: Turn, news: WorkerLeft) -> None:
    """No connection: nothing new goes there. Its attempts live until it comes back, is replaced, or expires."""
    worker = turn.world.workers.get(news.name)
    if worker is not None and worker.epoch == news.epoch:
        del turn.world.workers[news.name]


def worker_expired(turn: Turn, news: WorkerExpired) -> None:
    """Its lease and the kill grace are over."""
    worker = turn.world.workers.get(news.name)
    if worker is not None and worker.epoch != news.epoch:
        return  # it has joined again since
    turn.world.workers.pop(news.name, None)
    turn.do(Record("worker.lost", reason="its lease ended", body={"worker": news.name}))
    for attempt in [a for a in turn.world.attempts.values() if a.worker == news.name]:
        finished(turn, AttemptFinished(attempt=attempt.id, outcome="lost", error=f"worker {news.name} was lost"))
