"""What StatsD is told every few seconds, under Airflow's names: slots of pools and workers, and the tasks under way."""

from collections import Counter
from typing import TYPE_CHECKING

from tradewind.core.records import TaskKey
from tradewind.core.states import AttemptState, RunState
from tradewind.observability.statsd import EXECUTOR, StatsD

if TYPE_CHECKING:
    from tradewind.scheduler.scheduler import Scheduler

About = dict[tuple[str, str], float]


def tell(statsd: StatsD, scheduler: "Scheduler", import_errors: int | None) -> None:
    """One beat and one set of gauges of an owner."""
    world, desk = scheduler.world, scheduler.desk
    statsd.beat(("scheduler", "dag_processor", *(("triggerer",) if desk.agents else ())))
    files = desk.files.status()
    workers = [worker for worker in world.workers.values() if not worker.draining]
    running = sum(attempt.state is AttemptState.RUNNING for attempt in world.attempts.values())
    waiting = world.ready.by_pool()
    starving = {name: count for name, count in waiting.items() if (world.pool_free(name) or 0) <= 0}
    plain: dict[str, float] = {
        "scheduler.dagruns.running": sum(live.run.state is RunState.RUNNING for live in world.runs.values()),
        "scheduler.tasks.executable": len(world.ready),
        "scheduler.tasks.starving": sum(starving.values()),
        "dagbag_size": len(world.dags),
        "dag_processing.file_path_queue_size": files["unparsed"],
        "dag_processing.processes": len(desk.parsing),
    }
    if import_errors is not None:
        plain["dag_processing.import_errors"] = import_errors
    about: About = {
        ("executor.open_slots", EXECUTOR): sum(worker.capacity - worker.used for worker in workers),
        ("executor.queued_tasks", EXECUTOR): len(world.attempts) - running,
        ("executor.running_tasks", EXECUTOR): running,
    }
    _pools(about, scheduler, waiting, starving)
    for name, count in desk.triggers_by_agent().items():
        about["triggers.running", name] = count
    statsd.gauges(plain, about | _tasks(scheduler))


def _pools(about: About, scheduler: "Scheduler", waiting: dict[str, int], starving: dict[str, int]) -> None:
    world = scheduler.world
    queued: Counter[str] = Counter()
    for attempt in world.attempts.values():
        if attempt.state is AttemptState.ASSIGNED:
            queued[attempt.pool] += attempt.pool_slots
    for name in world.pools:
        used = world.pool_used.get(name, 0)
        about["pool.open_slots", name] = world.pool_free(name) or 0
        about["pool.queued_slots", name] = queued[name]
        about["pool.running_slots", name] = used - queued[name]
        about["pool.deferred_slots", name] = world.deferred_slots.get(name, 0)
        about["pool.scheduled_slots", name] = waiting.get(name, 0)
        about["pool.starving_tasks", name] = starving.get(name, 0)


def _tasks(scheduler: "Scheduler") -> About:
    """Of each task under way: it is bounded by the slots that there are."""
    world = scheduler.world
    counts: Counter[tuple[str, str]] = Counter()

    def add(what: str, key: TaskKey) -> None:
        live = world.runs.get(key.run)
        if live is not None:
            spec = live.spec_of(key.task_id)
            queue = spec.queue if spec is not None else "default"
            counts[what, f"{queue}.{live.run.dag_id}.{key.task_id}"] += 1

    for attempt in world.attempts.values():
        add("ti.running" if attempt.state is AttemptState.RUNNING else "ti.queued", attempt.key)
    for key, deferral in world.deferrals.items():
        if deferral.answer is None and not deferral.is_kept:
            add("ti.deferred", key)
    return {key: float(count) for key, count in counts.items()}
