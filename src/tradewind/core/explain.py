"""Why a task waits, in one code and one sentence. Scheduler, `tradewind why`, API and UI all ask here."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from tradewind.core.admission import full_limit
from tradewind.core.backfill_plan import LiveBackfill
from tradewind.core.dag import TaskSpec
from tradewind.core.mapped_groups import instances_beside
from tradewind.core.mapping import sources
from tradewind.core.reasons import Holder, Part, Reason, because, holders_value, reason
from tradewind.core.records import TaskInstance, TaskKey
from tradewind.core.runs import run_limit, running_runs
from tradewind.core.states import FINISHED, RUN_FINISHED, RunState, TaskState
from tradewind.core.tasks import past_is_met
from tradewind.core.turn import Turn
from tradewind.core.world import LiveRun, World

_NOBODY: Mapping[str, tuple[int, int]] = {}


def explain(
    world: World, live: LiveRun, task: TaskInstance, now: datetime, held_back: Mapping[str, tuple[int, int]] = _NOBODY
) -> list[Reason]:
    """Every reason why this task instance has not ended, most important first. Never empty for a waiting task.
    `held_back`: attempts that wait for memory on their worker's machine, the bytes that they need and those left."""
    if task.state in FINISHED:
        return [because("finished", task.reason, {"state": str(task.state)}, {})]
    if task.attempt is not None and task.attempt in held_back:
        return [_memory_guard(world, task, *held_back[task.attempt])]
    return _run_reasons(world, live, now) or _task_reasons(world, live, task, now)


def _memory_guard(world: World, task: TaskInstance, needs: int, left: int) -> Reason:
    worker = _worker_of(world, task)
    return reason("memory_guard", {"worker": worker, "needs_bytes": needs, "left_bytes": left})


def _run_reasons(world: World, live: LiveRun, now: datetime) -> list[Reason]:
    run = live.run
    if live.quarantine:
        return [quarantined("its_run", live.quarantine)]
    if run.state in RUN_FINISHED:
        return [because("run_finished", run.reason, {"state": str(run.state)}, {})]
    if run.state is RunState.QUEUED:
        if world.dags[run.dag_id].is_paused:
            return [paused(run.dag_id)]
        if run.run_after > now:
            return [reason("run_after", {"at": run.run_after.isoformat()})]
        if (held := world.backfill_of(run)) is not None:
            return [_held_by_backfill(held)]
        return [_queued(world, live, now)]
    return []


def quarantined(which: str, what: str, **values: str) -> Reason:
    """Something of it (`its_run`, `run`, `dag`) is not what it should be, and stands still so that others need not."""
    what = what if what.endswith((".", "!", "?")) else f"{what}."
    return reason(f"quarantined.{which}", {"what": what, **values}, {})


def _queued(world: World, live: LiveRun, now: datetime) -> Reason:
    """Other runs of its Dag have every place that there is."""
    run = live.run
    running = running_runs(Turn(world, now), run.dag_id)
    limit = run_limit(live.plan.spec)
    others = [world.runs[number] for number in world.open_runs.get(run.dag_id, ())]
    ahead = [other.run.run_id for other in others if other.run.state is RunState.RUNNING]
    queue = [other for other in others if other.run.state is RunState.QUEUED and not other.quarantine]
    place = sum((o.run.run_after, o.run.number) < (run.run_after, run.number) for o in queue)
    variant = "" if not place else ".one_before" if place == 1 else ".before"
    return reason(
        f"queued_run{variant}",
        {"running": running, "most": limit, "dag_id": run.dag_id, "ahead": ahead, "count": place},
        {"running": running, "max_active_runs": limit, "behind": ahead[:50], "queued_before": place},
    )


def _held_by_backfill(held: LiveBackfill) -> Reason:
    number, most = held.record.id, held.record.max_active
    if held.record.is_paused:
        return reason("backfill_paused", {"backfill": number})
    return reason("backfill_full", {"backfill": number, "most": most}, {"backfill": number, "max_active_runs": most})


def paused(dag_id: str) -> Reason:
    """The Dag lets nothing start."""
    return reason("paused", {"dag_id": dag_id}, {})


def _task_reasons(world: World, live: LiveRun, task: TaskInstance, now: datetime) -> list[Reason]:
    match task.state:
        case TaskState.NONE:
            return _waiting(world, live, task, now)
        case TaskState.SCHEDULED:
            return _ready(world, live, task)
        case TaskState.UP_FOR_RETRY:
            tried = {"try_number": task.try_number}
            return [because("retry_timer", task.reason, {**tried, **_timer(task, now)}, _at(task, now))]
        case TaskState.UP_FOR_RESCHEDULE:
            return [reason("reschedule_timer", _timer(task, now), _at(task, now))]
        case TaskState.QUEUED:
            return [reason("offered", {"worker": _worker_of(world, task)})]
        case TaskState.RUNNING:
            worker, since = _worker_of(world, task), task.start_date.isoformat() if task.start_date else None
            return [reason("running", {"worker": worker, "since": since}, {"worker": worker})]
        case TaskState.DEFERRED:
            return [_deferred(world, task, now)]
        case TaskState.AWAITING_INPUT:
            return [_asks(world, live, task, now)]
        case TaskState.RESTARTING:
            worker = _worker_of(world, task)
            return [reason("being_stopped", {"command": task.pending or "clear", "worker": worker})]
        case _:
            said = because("state", task.reason, {"state": str(task.state)}, {})
            return [Reason(str(task.state), said.parts)]


def _waiting(world: World, live: LiveRun, task: TaskInstance, now: datetime) -> list[Reason]:
    spec = live.spec_of(task.key.task_id)
    if spec is None:
        return [reason("removed")]
    reasons = []
    waits_on = {
        up: sorted({str(state) for state in states})
        for up in _looked_at(live, spec, task.key.map_index)
        if not FINISHED.issuperset(
            states := [live.tasks[up, n].state for n in instances_beside(live, up, *task.key[1:])]
        )
    }
    if waits_on:
        by_rule = spec.trigger_rule != "all_success"
        values = {"upstream": waits_on, "rule": str(spec.trigger_rule)} if by_rule else {"upstream": waits_on}
        reasons.append(reason("trigger_rule" if by_rule else "upstream", values, {"upstream": waits_on}))
    if not past_is_met(Turn(world, now), live, spec):
        reasons.append(_past(world, live, spec))
    return reasons or [reason("next_turn")]


def _past(world: World, live: LiveRun, spec: TaskSpec) -> Reason:
    """It, or with wait_for_downstream also what follows it, has not succeeded in the run before."""
    before = live.previous
    assert before is not None
    known = world.runs.get(before.number)
    states = sorted({str(state) for state in world.states_before(live, spec.task_id) or ()})
    run = {"run_id": known.run.run_id if known else None, "at": before.at.isoformat()}
    what = "downstream" if spec.wait_for_downstream else ""
    where = "" if states else "not_there"
    variant = "_".join(filter(None, (what, where)))
    return reason(
        f"depends_on_past.{variant}" if variant else "depends_on_past",
        {"run": run, "states": states},
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
        return [reason("removed")]
    limit = full_limit(world, live, spec, task)
    if limit is not None:
        return [_limit_reason(world, live, spec, limit[0])]
    free = world.pool_free(spec.pool)
    if free is None:
        return [reason("unknown_pool", {"pool": spec.pool})]
    if free < spec.pool_slots:
        return [_pool_full(world, spec, free)]
    if world.total_active >= world.parallelism:
        return [reason("parallelism", {"slots": world.parallelism}, {})]
    if not any(spec.queue in w.queues for w in world.workers.values()):
        return [_no_worker(world, spec.queue)]
    if world.worker_for(spec.queue) is None:
        return [reason("workers_full", {"queue": spec.queue}, {})]
    return [reason("next_turn.starts")]


def _pool_full(world: World, spec: TaskSpec, free: int) -> Reason:
    pool = world.pools[spec.pool]
    keys = [a.key for a in world.attempts.values() if a.pool == spec.pool]
    if pool.include_deferred:
        keys += [d.key for d in world.deferrals.values() if d.pool == spec.pool and d.answer is None]
    holders = [_holder(world, key) for key in keys]
    return reason(
        "pool_full" if holders else "pool_full.nobody",
        {
            "pool": spec.pool,
            "free": max(free, 0),
            "slots": pool.slots,
            "needs": spec.pool_slots,
            "holders": holders_value(holders),
        },
        {"pool": spec.pool, "holders": [str(holder) for holder in holders[:50]]},
    )


def _limit_reason(world: World, live: LiveRun, spec: TaskSpec, kind: str) -> Reason:
    dag_id = live.run.dag_id
    match kind:
        case "paused":
            return paused(dag_id)
        case "dag":
            limit = live.plan.spec.max_active_tasks
            holders = [_holder(world, a.key) for a in world.attempts.values() if _dag_of(world, a.key) == dag_id]
            return reason(
                "dag_limit",
                {"limit": limit, "dag_id": dag_id, "holders": holders_value(holders)},
                {"limit": limit, "holders": [str(holder) for holder in holders[:50]]},
            )
        case "task":
            return _task_limit(world, live, spec, "max_active_tis_per_dag", spec.max_active_tis_per_dag)
        case "task_in_run":
            return _task_limit(world, live, spec, "max_active_tis_per_dagrun", spec.max_active_tis_per_dagrun)
        case _:
            return reason("being_stopped.before")


def _task_limit(world: World, live: LiveRun, spec: TaskSpec, name: str, limit: int | None) -> Reason:
    """As many of its like run, or are deferred, as may: in all runs of the Dag, or in this one."""
    dag_id, number = live.run.dag_id, live.run.number
    waiting = [deferral.key for deferral in world.deferrals.values() if deferral.answer is None]
    keys = [key for key in (*world.active_of, *waiting) if key.task_id == spec.task_id]
    in_run = name == "max_active_tis_per_dagrun"
    holders = [_holder(world, k) for k in keys if (k.run == number if in_run else _dag_of(world, k) == dag_id)]
    return reason(
        "task_limit",
        {"setting": name, "task_id": spec.task_id, "limit": limit, "holders": holders_value(holders)},
        {"limit": limit, "holders": [f"{h} in {h.run_id}" if h.run_id else str(h) for h in holders[:50]]},
    )


def _no_worker(world: World, queue: str) -> Reason:
    served = sorted({name for worker in world.workers.values() for name in worker.queues})
    return reason("no_worker" if served else "no_worker.none", {"queue": queue, "served": served})


def _at(task: TaskInstance, now: datetime) -> dict[str, str]:
    return {"at": (task.not_before or now).isoformat()}


def _timer(task: TaskInstance, now: datetime) -> dict[str, Any]:
    return {**_at(task, now), "seconds": _seconds_until(task.not_before or now, now)}


def _seconds_until(at: datetime, now: datetime) -> int:
    return max(0, round((at - now).total_seconds()))


def _deferred(world: World, task: TaskInstance, now: datetime) -> Reason:
    deferral = world.deferrals.get(task.key)
    if deferral is None:
        return reason("deferred.unknown")
    since = deferral.created_at.isoformat() if deferral.created_at else None
    facts = {"trigger": deferral.classpath, "since": since or "?"}
    if deferral.at is not None:
        at = deferral.at.isoformat()
        values = {"at": at, "seconds": _seconds_until(deferral.at, now), "since": since}
        return reason("deferred.until", values, {**facts, "at": at})
    waits = {"since": since, "trigger": deferral.name}
    variant = ""
    if deferral.timeout_at is not None:
        waits["timeout_at"], variant = deferral.timeout_at.isoformat(), ".at_most"
    return reason(f"{'deferred' if world.workers else 'no_triggerer'}{variant}", waits, facts)


def _asks(world: World, live: LiveRun, task: TaskInstance, now: datetime) -> Reason:
    deferral = world.deferrals.get(task.key)
    question = deferral.question if deferral else None
    if question is None:
        return reason("question.unknown")
    options = list(question.options)
    facts = {"question": question.id, "subject": question.subject, "options": options}
    parts = [
        Part("question.several" if question.multiple else "question", {"subject": question.subject, "options": options})
    ]
    if question.assigned:
        parts.append(Part("question.from", {"people": [person.name for person in question.assigned]}))
    if question.asked_at is not None:
        parts.append(Part("question.asked", {"asked_at": question.asked_at.isoformat()}))
    if question.timeout_at is not None:
        at = facts["at"] = question.timeout_at.isoformat()
        timer: dict[str, Any] = {"seconds": _seconds_until(question.timeout_at, now), "at": at}
        if question.defaults:
            parts.append(Part("question.default", {**timer, "defaults": list(question.defaults)}))
        else:
            parts.append(Part("question.no_default", timer))
    index = f" --map-index {task.key.map_index}" if task.key.map_index >= 0 else ""
    command = f"tradewind hitl respond {live.run.dag_id} {live.run.run_id} {task.key.task_id}{index} --option …"
    parts.append(Part("question.command", {"command": command}))
    return Reason("question", tuple(parts), facts)


def _worker_of(world: World, task: TaskInstance) -> str:
    attempt = world.attempts.get(task.attempt or "")
    return attempt.worker if attempt else "?"


def _dag_of(world: World, key: TaskKey) -> str:
    live = world.runs.get(key.run)
    return live.run.dag_id if live else ""


def _holder(world: World, key: TaskKey) -> Holder:
    """A task instance among those of all Dags."""
    live = world.runs.get(key.run)
    dag_id, run_id = (live.run.dag_id, live.run.run_id) if live else ("", "")
    return Holder(dag_id, run_id, key.task_id, key.map_index)
