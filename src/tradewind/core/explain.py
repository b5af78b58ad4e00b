"""Why a task waits, in one code and one sentence. Scheduler, `tradewind why`, API and UI all ask here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tradewind.core.admission import full_limit
from tradewind.core.backfill_plan import LiveBackfill
from tradewind.core.dag import TaskSpec
from tradewind.core.records import TaskInstance
from tradewind.core.runs import run_limit, running_runs
from tradewind.core.states import FINISHED, RUN_FINISHED, RunState, TaskState
from tradewind.core.tasks import past_is_met
from tradewind.core.turn import Turn
from tradewind.core.world import LiveRun, World


@dataclass(frozen=True, slots=True)
class Reason:
    """code: stable, for machines; sentence: for people; details: who holds what."""

    code: str
    sentence: str
    details: Mapping[str, Any] = field(default_factory=dict)


def explain(world: World, live: LiveRun, task: TaskInstance, now: datetime) -> list[Reason]:
    """Every reason why this task instance has not ended, most important first. Never empty for a waiting task."""
    if task.state in FINISHED:
        return [Reason("finished", f"It has ended: {task.state}{_because(task.reason)}.")]
    return _run_reasons(world, live, now) or _task_reasons(world, live, task, now)


def _run_reasons(world: World, live: LiveRun, now: datetime) -> list[Reason]:
    run = live.run
    if live.quarantine:
        return [Reason("quarantined", f"Its run is set aside: {live.quarantine}")]
    if run.state in RUN_FINISHED:
        return [Reason("run_finished", f"Its run has ended: {run.state}{_because(run.reason)}.")]
    if run.state is RunState.QUEUED:
        if world.dags[run.dag_id].is_paused:
            return [paused(run.dag_id)]
        if run.run_after > now:
            at = run.run_after.isoformat()
            return [Reason("run_after", f"Its run starts at {at}.", {"at": at})]
        if (held := world.backfill_of(run)) is not None:
            return [_held_by_backfill(held)]
        running = running_runs(Turn(world, now), run.dag_id)
        limit = run_limit(live.plan.spec)
        return [
            Reason(
                "queued_run",
                f"Its run is queued: {running} of {limit} active runs of {run.dag_id} are taken.",
                {"running": running, "max_active_runs": limit},
            )
        ]
    return []


def _held_by_backfill(held: LiveBackfill) -> Reason:
    number, most = held.record.id, held.record.max_active
    if held.record.is_paused:
        return Reason(
            "backfill_paused",
            f"Backfill {number} is paused; `tradewind backfill unpause {number}` lets it go on.",
            {"backfill": number},
        )
    return Reason(
        "backfill_full",
        f"Its run waits for another run of backfill {number}: it may have {most} at once.",
        {"backfill": number, "max_active_runs": most},
    )


def paused(dag_id: str) -> Reason:
    """The Dag lets nothing start."""
    return Reason("paused", f"The Dag {dag_id} is paused; `tradewind dags unpause {dag_id}` lets it go on.")


def _task_reasons(world: World, live: LiveRun, task: TaskInstance, now: datetime) -> list[Reason]:
    match task.state:
        case TaskState.NONE:
            return _waiting(world, live, task, now)
        case TaskState.SCHEDULED:
            return _ready(world, live, task)
        case TaskState.UP_FOR_RETRY:
            return [
                _timer(
                    "retry_timer", f"Try {task.try_number} failed{_because(task.reason)}; it is tried again", task, now
                )
            ]
        case TaskState.UP_FOR_RESCHEDULE:
            return [_timer("reschedule_timer", "It looks again", task, now)]
        case TaskState.QUEUED:
            worker = _worker_of(world, task)
            return [Reason("offered", f"It has a slot and was offered to worker {worker}.", {"worker": worker})]
        case TaskState.RUNNING:
            worker = _worker_of(world, task)
            return [Reason("running", f"It runs on worker {worker} since {task.start_date}.", {"worker": worker})]
        case TaskState.DEFERRED:
            return [_deferred(world, task, now)]
        case TaskState.AWAITING_INPUT:
            return [_asks(world, live, task, now)]
        case TaskState.RESTARTING:
            return [Reason("being_stopped", "Its running attempt is being stopped; then it begins anew.")]
        case _:
            return [Reason(str(task.state), f"It is {task.state}{_because(task.reason)}.")]


def _waiting(world: World, live: LiveRun, task: TaskInstance, now: datetime) -> list[Reason]:
    spec = live.spec_of(task.key.task_id)
    if spec is None:
        return [Reason("removed", "The task is no longer in the Dag.")]
    reasons = []
    waits_on = {
        up: sorted({str(live.tasks[up, m].state) for m in live.instances.get(up, ())})
        for up in (*spec.upstream, *_further_up(live, spec.task_id))
        if any(live.tasks[up, m].state not in FINISHED for m in live.instances.get(up, ()))
    }
    if waits_on:
        names = ", ".join(f"{up} ({'/'.join(states)})" for up, states in waits_on.items())
        code = "upstream" if spec.trigger_rule == "all_success" else "trigger_rule"
        rule = "" if code == "upstream" else f" Its trigger rule is {spec.trigger_rule}."
        reasons.append(Reason(code, f"It waits for {names}.{rule}", {"upstream": waits_on}))
    if not past_is_met(Turn(world, now), live, spec):
        before = live.previous.number if live.previous else None
        reasons.append(
            Reason("depends_on_past", "It waits for itself to succeed in the run before.", {"run_number": before})
        )
    return reasons or [Reason("next_turn", "Nothing holds it: it is looked at in the scheduler's next turn.")]


def _further_up(live: LiveRun, task_id: str) -> list[str]:
    """Setups that it needs and work that it tears down, beyond its direct upstream."""
    plan = live.plan
    return sorted(up for table in (plan.needed_by, plan.closed_by) for up, after in table.items() if task_id in after)


def _ready(world: World, live: LiveRun, task: TaskInstance) -> list[Reason]:
    spec = live.spec_of(task.key.task_id)
    if spec is None:
        return [Reason("removed", "The task is no longer in the Dag.")]
    limit = full_limit(world, live, spec, task)
    if limit is not None:
        return [_limit_reason(world, live, spec, limit[0])]
    free = world.pool_free(spec.pool)
    if free is None:
        return [
            Reason(
                "unknown_pool",
                f"Its pool {spec.pool!r} does not exist; create it (`tradewind pools set {spec.pool} 1 ''`) "
                "or name another.",
                {"pool": spec.pool},
            )
        ]
    if free < spec.pool_slots:
        pool = world.pools[spec.pool]
        keys = [a.key for a in world.attempts.values() if a.pool == spec.pool]
        if pool.include_deferred:
            keys += [d.key for d in world.deferrals.values() if d.pool == spec.pool and d.answer is None]
        holders = [_name(world, key.run, key.task_id) for key in keys]
        return [
            Reason(
                "pool_full",
                f"Pool {spec.pool} has {max(free, 0)} of {pool.slots} slots free and it needs {spec.pool_slots}; "
                f"held by {', '.join(holders[:5])}{' …' if len(holders) > 5 else ''}.",
                {"pool": spec.pool, "holders": holders[:50]},
            )
        ]
    if world.total_active >= world.parallelism:
        return [Reason("parallelism", f"All {world.parallelism} slots of core.parallelism are taken.")]
    if not any(spec.queue in w.queues for w in world.workers.values()):
        return [Reason("no_worker", f"No worker that serves queue {spec.queue!r} is connected.", {"queue": spec.queue})]
    if world.worker_for(spec.queue) is None:
        return [Reason("workers_full", f"All slots of the workers of queue {spec.queue!r} are taken.")]
    return [Reason("next_turn", "Nothing holds it: it starts in the scheduler's next turn.")]


def _limit_reason(world: World, live: LiveRun, spec: TaskSpec, kind: str) -> Reason:
    dag_id = live.run.dag_id
    match kind:
        case "paused":
            return paused(dag_id)
        case "dag":
            limit = live.plan.spec.max_active_tasks
            return Reason(
                "dag_limit", f"{limit} tasks of {dag_id} run already, its max_active_tasks.", {"limit": limit}
            )
        case "task":
            return Reason("task_limit", f"max_active_tis_per_dag of {spec.task_id} is reached.")
        case "task_in_run":
            return Reason("task_limit", f"max_active_tis_per_dagrun of {spec.task_id} is reached.")
        case _:
            return Reason("being_stopped", "Its attempt before is still being stopped.")


def _timer(code: str, what: str, task: TaskInstance, now: datetime) -> Reason:
    at = task.not_before or now
    seconds = max(0, round((at - now).total_seconds()))
    return Reason(code, f"{what} in {seconds} s, at {at.isoformat()}.", {"at": at.isoformat()})


def _deferred(world: World, task: TaskInstance, now: datetime) -> Reason:
    deferral = world.deferrals.get(task.key)
    if deferral is None:
        return Reason("deferred", "It is deferred, and nothing is known of its trigger; clear it to begin anew.")
    facts = {"trigger": deferral.classpath, "since": str(deferral.created_at)}
    if deferral.at is not None:
        seconds = max(0, round((deferral.at - now).total_seconds()))
        at = deferral.at.isoformat()
        return Reason("deferred", f"It waits until {at}, {seconds} s from now.", {**facts, "at": at})
    patience = f", until {deferral.timeout_at.isoformat()} at most" if deferral.timeout_at else ""
    if not world.workers:
        text = f"It waits for its trigger {deferral.name}{patience}, and no worker is connected that could run it."
        return Reason("no_triggerer", text, facts)
    return Reason("deferred", f"It waits for its trigger {deferral.name}{patience}; it holds no slot.", facts)


def _asks(world: World, live: LiveRun, task: TaskInstance, now: datetime) -> Reason:
    deferral = world.deferrals.get(task.key)
    question = deferral.question if deferral else None
    if question is None:
        return Reason("question", "It waits for people, and nothing is known of its question; clear it to begin anew.")
    facts = {"question": question.id, "subject": question.subject, "options": list(question.options)}
    ways = "several of" if question.multiple else "one of"
    text = f"It waits for an answer to {question.subject!r}: {ways} {', '.join(map(repr, question.options))}"
    if question.assigned:
        text += f", from {' or '.join(person.name for person in question.assigned)}"
    if question.asked_at is not None:
        text += f"; asked at {question.asked_at.isoformat()}"
    if question.timeout_at is not None:
        seconds = max(0, round((question.timeout_at - now).total_seconds()))
        default = ", ".join(map(repr, question.defaults)) if question.defaults is not None else ""
        then = f"{default} is taken" if default else "the task is told that nobody answered"
        text += f"; in {seconds} s, at {question.timeout_at.isoformat()}, {then}"
        facts["at"] = question.timeout_at.isoformat()
    index = f" --map-index {task.key.map_index}" if task.key.map_index >= 0 else ""
    command = f"tradewind hitl respond {live.run.dag_id} {live.run.run_id} {task.key.task_id}{index} --option …"
    return Reason("question", f"{text}. `{command}` answers it.", facts)


def _worker_of(world: World, task: TaskInstance) -> str:
    attempt = world.attempts.get(task.attempt or "")
    return attempt.worker if attempt else "?"


def _name(world: World, run: int, task_id: str) -> str:
    live = world.runs.get(run)
    return f"{live.run.dag_id}.{task_id}" if live else task_id


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""
