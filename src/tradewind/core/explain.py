"""Why a task waits, in one code and one sentence. Scheduler, `tradewind why`, API and UI all ask here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tradewind.core.admission import full_limit
from tradewind.core.backfill_plan import LiveBackfill
from tradewind.core.dag import TaskSpec
from tradewind.core.mapped_groups import instances_beside
from tradewind.core.mapping import sources
from tradewind.core.records import TaskInstance, TaskKey
from tradewind.core.runs import run_limit, running_runs
from tradewind.core.states import FINISHED, RUN_FINISHED, RunState, TaskState
from tradewind.core.tasks import past_is_met
from tradewind.core.turn import Turn
from tradewind.core.world import LiveRun, World

MOST_NAMED = 5
"""Holders that a sentence names; the details have more."""


@dataclass(frozen=True, slots=True)
class Reason:
    """code: stable, for machines; sentence: for people; details: who holds what."""

    code: str
    sentence: str
    details: Mapping[str, Any] = field(default_factory=dict)


_NOBODY: Mapping[str, tuple[int, int]] = {}


def explain(
    world: World, live: LiveRun, task: TaskInstance, now: datetime, held_back: Mapping[str, tuple[int, int]] = _NOBODY
) -> list[Reason]:
    """Every reason why this task instance has not ended, most important first. Never empty for a waiting task.
    `held_back`: attempts that wait for memory on their worker's machine, the bytes that they need and those left."""
    if task.state in FINISHED:
        return [Reason("finished", f"It has ended: {task.state}{_because(task.reason)}.")]
    if task.attempt is not None and task.attempt in held_back:
        return [_memory_guard(world, task, *held_back[task.attempt])]
    return _run_reasons(world, live, now) or _task_reasons(world, live, task, now)


def _memory_guard(world: World, task: TaskInstance, needs: int, left: int) -> Reason:
    worker = _worker_of(world, task)
    return Reason(
        "memory_guard",
        f"Worker {worker} holds it back until others have ended: it needed {_size(needs)} of memory before, "
        f"and {_size(left)} are left there.",
        {"worker": worker, "needs_bytes": needs, "left_bytes": left},
    )


def _size(count: int) -> str:
    return f"{count / 1024**3:.1f} GB" if count >= 1024**3 else f"{count / 1024**2:.0f} MB"


def _run_reasons(world: World, live: LiveRun, now: datetime) -> list[Reason]:
    run = live.run
    if live.quarantine:
        return [quarantined(f"Its run is set aside: {live.quarantine}", _MENDS_RUN)]
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
        return [_queued(world, live, now)]
    return []


_MENDS_RUN = "Mark the run failed and clear it to begin anew, or delete it."


def quarantined(what: str, advice: str = "") -> Reason:
    """Something of it is not what it should be, and it stands still so that others need not."""
    what = what if what.endswith((".", "!", "?")) else f"{what}."
    return Reason("quarantined", f"{what} {advice}".strip())


def _queued(world: World, live: LiveRun, now: datetime) -> Reason:
    """Other runs of its Dag have every place that there is."""
    run = live.run
    running = running_runs(Turn(world, now), run.dag_id)
    limit = run_limit(live.plan.spec)
    others = [world.runs[number] for number in world.open_runs.get(run.dag_id, ())]
    ahead = [other.run.run_id for other in others if other.run.state is RunState.RUNNING]
    queue = [other for other in others if other.run.state is RunState.QUEUED and not other.quarantine]
    place = sum((o.run.run_after, o.run.number) < (run.run_after, run.number) for o in queue)
    before = "" if not place else f", and {_counted(place, 'queued run')} {'is' if place == 1 else 'are'} before it"
    return Reason(
        "queued_run",
        f"Its run is queued: {running} of {limit} active runs of {run.dag_id} are taken, by {_listed(ahead)}{before}.",
        {"running": running, "max_active_runs": limit, "behind": ahead[:50], "queued_before": place},
    )


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
            worker = _worker_of(world, task)
            text = f"It was cleared while it ran: its attempt on worker {worker} is being stopped; then it begins anew."
            return [Reason("being_stopped", text, {"command": task.pending or "clear", "worker": worker})]
        case _:
            return [Reason(str(task.state), f"It is {task.state}{_because(task.reason)}.")]


def _waiting(world: World, live: LiveRun, task: TaskInstance, now: datetime) -> list[Reason]:
    spec = live.spec_of(task.key.task_id)
    if spec is None:
        return [Reason("removed", "The task is no longer in the Dag.")]
    reasons = []
    waits_on = {
        up: sorted({str(state) for state in states})
        for up in _looked_at(live, spec, task.key.map_index)
        if not FINISHED.issuperset(
            states := [live.tasks[up, n].state for n in instances_beside(live, up, *task.key[1:])]
        )
    }
    if waits_on:
        names = ", ".join(f"{up} ({'/'.join(states)})" for up, states in waits_on.items())
        code = "upstream" if spec.trigger_rule == "all_success" else "trigger_rule"
        rule = "" if code == "upstream" else f" Its trigger rule is {spec.trigger_rule}."
        reasons.append(Reason(code, f"It waits for {names}.{rule}", {"upstream": waits_on}))
    if not past_is_met(Turn(world, now), live, spec):
        reasons.append(_past(world, live, spec))
    return reasons or [Reason("next_turn", "Nothing holds it: it is looked at in the scheduler's next turn.")]


def _past(world: World, live: LiveRun, spec: TaskSpec) -> Reason:
    """It, or with wait_for_downstream also what follows it, has not succeeded in the run before."""
    before = live.previous
    assert before is not None
    known = world.runs.get(before.number)
    states = sorted({str(state) for state in world.states_before(live, spec.task_id) or ()})
    name = known.run.run_id if known else f"of {before.at.isoformat()}"
    rule = "itself and its direct downstream" if spec.wait_for_downstream else "itself"
    return Reason(
        "depends_on_past",
        f"It waits for {rule} to succeed in the run before, {name}, where it is {'/'.join(states) or 'not there'}.",
        {"run_number": before.number, "states": states},
    )


def _looked_at(live: LiveRun, spec: TaskSpec, map_index: int) -> Iterable[str]:
    """Whatever must be over before it starts; where it has not expanded, also what a group around it expands over."""
    expands_over = sorted(sources(spec.map)) if spec.map is not None and map_index < 0 else ()
    return dict.fromkeys((*spec.upstream, *_further_up(live, spec.task_id), *expands_over))


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
        holders = [_name(world, key) for key in keys]
        held = f"held by {_listed(holders)}" if holders else "nobody holds one"
        return [
            Reason(
                "pool_full",
                f"Pool {spec.pool} has {max(free, 0)} of {pool.slots} slots free and it needs {spec.pool_slots}; "
                f"{held}.",
                {"pool": spec.pool, "holders": holders[:50]},
            )
        ]
    if world.total_active >= world.parallelism:
        return [Reason("parallelism", f"All {world.parallelism} slots of core.parallelism are taken.")]
    if not any(spec.queue in w.queues for w in world.workers.values()):
        return [_no_worker(world, spec.queue)]
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
            holders = [_name(world, a.key) for a in world.attempts.values() if _dag_of(world, a.key) == dag_id]
            return Reason(
                "dag_limit",
                f"{limit} tasks of {dag_id} run already, its max_active_tasks: {_listed(holders)}.",
                {"limit": limit, "holders": holders[:50]},
            )
        case "task":
            return _task_limit(world, live, spec, "max_active_tis_per_dag", spec.max_active_tis_per_dag)
        case "task_in_run":
            return _task_limit(world, live, spec, "max_active_tis_per_dagrun", spec.max_active_tis_per_dagrun)
        case _:
            return Reason("being_stopped", "Its attempt before is still being stopped.")


def _task_limit(world: World, live: LiveRun, spec: TaskSpec, name: str, limit: int | None) -> Reason:
    """As many of its like run, or are deferred, as may: in all runs of the Dag, or in this one."""
    dag_id, number = live.run.dag_id, live.run.number
    waiting = [deferral.key for deferral in world.deferrals.values() if deferral.answer is None]
    keys = [key for key in (*world.active_of, *waiting) if key.task_id == spec.task_id]
    in_run = name == "max_active_tis_per_dagrun"
    holders = [_in_run(world, k) for k in keys if (k.run == number if in_run else _dag_of(world, k) == dag_id)]
    return Reason(
        "task_limit",
        f"{name} of {spec.task_id} is {limit}, and is reached: {_listed(holders)}.",
        {"limit": limit, "holders": holders[:50]},
    )


def _no_worker(world: World, queue: str) -> Reason:
    served = sorted({name for worker in world.workers.values() for name in worker.queues})
    others = f"those connected serve {', '.join(served)}" if served else "none is connected at all"
    text = f"No worker that serves queue {queue!r} is connected; {others}."
    return Reason("no_worker", text, {"queue": queue, "served": served})


def _timer(code: str, what: str, task: TaskInstance, now: datetime) -> Reason:
    at = task.not_before or now
    seconds = max(0, round((at - now).total_seconds()))
    return Reason(code, f"{what} in {seconds} s, at {at.isoformat()}.", {"at": at.isoformat()})


def _deferred(world: World, task: TaskInstance, now: datetime) -> Reason:
    deferral = world.deferrals.get(task.key)
    if deferral is None:
        return Reason("deferred", "It is deferred, and nothing is known of its trigger; clear it to begin anew.")
    since = deferral.created_at.isoformat() if deferral.created_at else "?"
    facts = {"trigger": deferral.classpath, "since": since}
    if deferral.at is not None:
        seconds = max(0, round((deferral.at - now).total_seconds()))
        at = deferral.at.isoformat()
        return Reason("deferred", f"It waits until {at}, {seconds} s from now, since {since}.", {**facts, "at": at})
    patience = f", until {deferral.timeout_at.isoformat()} at most" if deferral.timeout_at else ""
    if not world.workers:
        text = (
            f"It waits since {since} for its trigger {deferral.name}{patience}, and no worker is connected that could "
            "run it."
        )
        return Reason("no_triggerer", text, facts)
    text = f"It waits since {since} for its trigger {deferral.name}{patience}; it holds no slot."
    return Reason("deferred", text, facts)


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


def _dag_of(world: World, key: TaskKey) -> str:
    live = world.runs.get(key.run)
    return live.run.dag_id if live else ""


def _name(world: World, key: TaskKey) -> str:
    """A task instance among those of all Dags."""
    index = f"[{key.map_index}]" if key.map_index >= 0 else ""
    dag_id = _dag_of(world, key)
    return f"{dag_id}.{key.task_id}{index}" if dag_id else f"{key.task_id}{index}"


def _in_run(world: World, key: TaskKey) -> str:
    live = world.runs.get(key.run)
    return f"{_name(world, key)} in {live.run.run_id}" if live else _name(world, key)


def _listed(names: Sequence[str]) -> str:
    """The first few, and how many more."""
    rest = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""
