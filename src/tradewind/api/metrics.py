"""`/metrics` in Prometheus text format, from the database's counts and the scheduler's own account."""

from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from sqlalchemy import Engine

from tradewind.store import queries, tables


def exposition(engine: Engine, status: dict[str, Any] | None) -> bytes:
    """Counts by state, and what the scheduler says of itself; `tradewind_up` tells who answers."""
    registry = CollectorRegistry()
    up = Gauge("tradewind_up", "Whether a component answers.", ["component"], registry=registry)
    up.labels("scheduler").set(status is not None)
    try:
        with engine.connect() as connection:
            for name, table in (("runs", tables.run), ("task_instances", tables.task_instance)):
                gauge = Gauge(f"tradewind_{name}", f"Stored {name} by state.", ["state"], registry=registry)
                for state, count in queries.counts_by_state(connection, table).items():
                    gauge.labels(state).set(count)
        up.labels("database").set(1)
    except Exception:  # a database that is away is a fact to report, not an error of this page
        up.labels("database").set(0)
    if status is not None:
        _scheduler(registry, status)
    return generate_latest(registry)


def _scheduler(registry: CollectorRegistry, status: dict[str, Any]) -> None:
    scheduler = status["scheduler"]
    for name, text in (
        ("live_runs", "Runs that are not over."),
        ("active_attempts", "Attempts that hold a slot."),
        ("ready_tasks", "Tasks that wait for a slot."),
        ("turns", "Turns of the owner loop since it began."),
        ("inputs", "Inputs that the owner loop has taken."),
        ("statements", "SQL statements that its commits took."),
    ):
        Gauge(f"tradewind_scheduler_{name}", text, registry=registry).set(scheduler[name])
    busy = Gauge("tradewind_scheduler_busy_seconds", "CPU time spent in turns.", registry=registry)
    busy.set(scheduler["busy_us"] / 1e6)
    files = Gauge("tradewind_dag_files", "Dag files that are known.", registry=registry)
    files.set(status["dag_processor"]["files"])
    slots = Gauge("tradewind_worker_slots", "Slots of a worker.", ["worker", "kind"], registry=registry)
    for agent in status["agents"]:
        slots.labels(agent["name"], "used").set(agent["used"])
        slots.labels(agent["name"], "capacity").set(agent["capacity"])
