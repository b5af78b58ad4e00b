"""What is so at this moment, as gauges: of what memory holds, never of the tables.

It costs the live runs, Dags, pools and workers, and the attempts under way; not the tasks.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tradewind.core.records import Attempt
from tradewind.core.states import AttemptState, RunState
from tradewind.core.world import World
from tradewind.observability.families import Gauges, Key
from tradewind.observability.tally import MOST_DAGS, Tally
from tradewind.wire.measured import COUNTER

if TYPE_CHECKING:
    from tradewind.scheduler.scheduler import Scheduler

LATE_FACTOR = 2.0
LATE_SECONDS = 10.0
LATE_AFTER = 3
"""A running task is late when it has taken twice what it takes on average, and at least this much longer; of one that
has not ended so often nobody knows."""


def gauges_of(scheduler: "Scheduler", tally: Tally) -> list[dict[str, Any]]:
    """Families of an owner: itself, its Dags, runs, tasks, pools and workers."""
    gauges, world, now = Gauges(), scheduler.world, scheduler.now()
    _owner(gauges, scheduler)
    _dags_and_runs(gauges, world)
    _tasks(gauges, world, tally, now)
    _pools(gauges, world)
    _workers(gauges, scheduler)
    return gauges.families


def _owner(gauges: Gauges, scheduler: "Scheduler") -> None:
    world, owner, desk, files = scheduler.world, scheduler.owner, scheduler.desk, scheduler.desk.files.status()
    assert owner is not None
    start, pending = scheduler.started_at.timestamp(), owner.pending
    for name, text, value in (
        ("start_time_seconds", "When the scheduler began.", start),
        ("live_runs", "Runs that are not over.", len(world.runs)),
        ("active_attempts", "Attempts that hold a slot.", world.total_active),
        ("ready_tasks", "Tasks that wait for a slot.", len(world.ready)),
        ("inbox_size", "Inputs that wait for the next turn.", owner.backlog),
        ("outbox_bytes", "Bytes that agents, API and clients have not taken yet.", sum(p.backlog for p in desk.peers)),
        ("timers", "Timers that are set.", len(world.timers)),
        ("set_aside_rows", "Stored rows that memory does without.", len(world.set_aside)),
        ("newest_event", "Number of the newest row of the event log.", scheduler.writer.newest_event),
    ):
        gauges.one(f"tradewind_scheduler_{name}", text, value)
    for name, text, value in (
        ("turns_total", "Turns of the owner loop since it began.", owner.turns),
        ("inputs_total", "Inputs that the owner loop has taken.", owner.inputs_taken),
        ("statements_total", "SQL statements that its commits took.", scheduler.writer.statements_run),
        ("busy_seconds_total", "CPU time spent in turns.", scheduler.busy_us / 1e6),
    ):
        gauges.one(f"tradewind_scheduler_{name}", text, value, COUNTER)
    waits = max(0.0, (scheduler.now() - pending.now).total_seconds()) if pending is not None else 0.0
    gauges.one("tradewind_database_pending_commit_seconds", "How long a commit waits for the database.", waits)
    gauges.one("tradewind_dag_files", "Dag files that are known.", files["files"])
    gauges.one("tradewind_dag_files_unparsed", "Dag files that were never parsed.", files["unparsed"])
    gauges.one("tradewind_dag_files_parsing", "Dag files that are being parsed.", len(desk.parsing))
    wanted = sum(deferral.needs_triggerer for deferral in world.deferrals.values())
    gauges.one("tradewind_triggers", "Triggers that deferred tasks wait for.", wanted)
    gauges.one("tradewind_triggers_running", "Triggers that agents run.", sum(desk.triggers_by_agent().values()))
    gauges.one("tradewind_asset_watchers", "Triggers that watch assets.", len(world.watchers.active))


def _dags_and_runs(gauges: Gauges, world: World) -> None:
    states = {"active": 0, "paused": 0, "stale": 0}
    for record in world.dags.values():
        states["stale" if record.is_stale else "paused" if record.is_paused else "active"] += 1
    gauges.many("tradewind_dags", "Dags by what they do.", ("state",), _keyed(states))
    live: dict[Key, float] = {}
    oldest: dict[Key, float] = {}
    for each in world.runs.values():
        run = each.run
        if run.state not in (RunState.RUNNING, RunState.QUEUED):
            continue
        key = run.dag_id, str(run.state)
        live[key] = live.get(key, 0) + 1
        if run.state is RunState.RUNNING and run.start_date is not None:
            began = run.start_date.timestamp()
            oldest[run.dag_id,] = min(oldest.get((run.dag_id,), began), began)
    gauges.many(
        "tradewind_live_runs", "Runs that are queued or running.", ("dag_id", "state"), _most(live, 2 * MOST_DAGS)
    )
    gauges.many(
        "tradewind_oldest_running_run_start_seconds", "When the oldest of a Dag's running runs began.", ("dag_id",),
        _most(oldest, MOST_DAGS),
    )  # fmt: skip


def _tasks(gauges: Gauges, world: World, tally: Tally, now: datetime) -> None:
    running = [each for each in world.attempts.values() if each.state is AttemptState.RUNNING]
    queued, scheduled = len(world.attempts) - len(running), len(world.ready)
    asking = sum(d.question is not None and d.answer is None for d in world.deferrals.values())
    deferred = sum(d.question is None and d.answer is None and not d.is_kept for d in world.deferrals.values())
    unfinished = sum(live.unfinished for live in world.runs.values())
    in_motion = sum(live.in_motion for live in world.runs.values())
    states = {
        "none": unfinished - in_motion,
        "scheduled": scheduled,
        "queued": queued,
        "running": len(running),
        "deferred": deferred,
        "awaiting_input": asking,
        # What is in motion and none of these waits for its moment.
        "up_for_retry_or_reschedule": max(0, in_motion - scheduled - queued - len(running) - deferred - asking),
    }
    gauges.many("tradewind_live_task_instances", "Unfinished task instances by state.", ("state",), _keyed(states))
    active: dict[Key, float] = {(dag_id,): float(count) for dag_id, count in world.dag_active.items() if count}
    gauges.many(
        "tradewind_active_task_instances", "Task instances that hold a slot.", ("dag_id",), _most(active, MOST_DAGS)
    )
    late: dict[Key, float] = {}
    for attempt in running:
        key = world.runs[attempt.key.run].run.dag_id, attempt.key.task_id
        late[key] = late.get(key, 0) + _is_late(attempt, tally.tries.mean(*key), now)
    gauges.many(
        "tradewind_late_task_instances", "Running task instances that take twice what is usual, or longer.",
        ("dag_id", "task_id"), late.items(),
    )  # fmt: skip


def _is_late(attempt: Attempt, usual: tuple[int, float], now: datetime) -> bool:
    count, mean = usual
    if count < LATE_AFTER or attempt.started_at is None:
        return False
    return (now - attempt.started_at).total_seconds() >= max(LATE_FACTOR * mean, mean + LATE_SECONDS)


def _pools(gauges: Gauges, world: World) -> None:
    waiting = world.ready.by_pool()
    for name, text, values in (
        ("slots", "Slots of a pool; -1 is without limit.", {n: pool.slots for n, pool in world.pools.items()}),
        ("used_slots", "Slots that attempts hold.", {n: world.pool_used.get(n, 0) for n in world.pools}),
        ("deferred_slots", "Slots of deferred tasks.", {n: world.deferred_slots.get(n, 0) for n in world.pools}),
        ("waiting_tasks", "Tasks that wait for a slot.", {n: waiting.get(n, 0) for n in world.pools}),
    ):
        gauges.many(f"tradewind_pool_{name}", text, ("pool",), _keyed(values))


def _workers(gauges: Gauges, scheduler: "Scheduler") -> None:
    desk, world, now = scheduler.desk, scheduler.world, scheduler.uptime()
    names = list(desk.beats)
    connected = {name: name in desk.agents for name in names}
    gauges.many("tradewind_worker_up", "Whether a worker is connected.", ("worker",), _keyed(connected))
    beats = {name: max(0.0, now - beat) for name, beat in desk.beats.items()}
    gauges.many("tradewind_worker_beat_age_seconds", "Since a worker was heard.", ("worker",), _keyed(beats))
    slots: dict[Key, float] = {}
    for name, worker in world.workers.items():
        slots[name, "used"], slots[name, "capacity"] = worker.used, worker.capacity
    gauges.many("tradewind_worker_slots", "Slots of a worker.", ("worker", "kind"), slots.items())
    memory: dict[str, float] = dict.fromkeys(names, 0)
    for id, (now_bytes, _, _) in desk.usage.items():
        if (attempt := world.attempts.get(id)) is not None:
            memory[attempt.worker] = memory.get(attempt.worker, 0) + now_bytes
    gauges.many("tradewind_worker_task_memory_bytes", "Memory that tasks use.", ("worker",), _keyed(memory))
    hosts = {name: count for name, (count, _) in desk.hosts.items()}
    gauges.many("tradewind_code_hosts", "Processes that have imported a Dag file.", ("worker",), _keyed(hosts))
    ready = {name: count for name, (_, count) in desk.hosts.items()}
    gauges.many("tradewind_code_host_children_ready", "Children that stand by.", ("worker",), _keyed(ready))
    held = {name: len(attempts) for name, attempts in desk.held_back.items()}
    gauges.many("tradewind_worker_held_back_tasks", "Tasks that wait for memory.", ("worker",), _keyed(held))
    triggers = desk.triggers_by_agent()
    gauges.many("tradewind_worker_triggers", "Triggers of a worker.", ("worker",), _keyed(triggers))


def _keyed(values: dict[str, Any]) -> Iterator[tuple[Key, float]]:
    return (((name,), float(value)) for name, value in values.items())


def _most(values: dict[Key, float], most: int) -> list[tuple[Key, float]]:
    """The largest, at most so many."""
    if len(values) <= most:
        return list(values.items())
    return sorted(values.items(), key=lambda one: -one[1])[:most]
