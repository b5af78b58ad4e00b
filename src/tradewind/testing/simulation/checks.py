"""What must hold at every moment of a simulation. The numbers are those of the reliability notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tradewind.core.explain import explain
from tradewind.core.states import FINISHED, AttemptState, TaskState
from tradewind.core.world import LiveRun, World
from tradewind.store.rows import task_of
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.workload import LONGEST_LOOK_SECONDS
from tradewind.testing.world import same_world


class Broken(AssertionError):
    """An invariant does not hold. The text begins with its name."""


def check_memory(memory: World, rebuilt: World, now: Any) -> None:
    """Memory equals what the database gives. Raises Broken."""
    try:
        same_world(memory, rebuilt, now)
    except AssertionError as error:
        raise Broken(f"I12: memory and database differ: {error}") from error


def check_rows(live: LiveRun, database: Database) -> None:
    """The tasks of one run, as memory and as the database have them."""
    columns = ", ".join(_TASK_COLUMNS)
    rows = database.rows(f"SELECT {columns} FROM task_instance WHERE run = ?", live.run.number)
    stored = [task_of(dict(zip(_TASK_COLUMNS, row, strict=True))) for row in rows]
    if live.tasks != {(task.key.task_id, task.key.map_index): task for task in stored}:
        wrong = [str(task) for task in stored if live.tasks.get((task.key.task_id, task.key.map_index)) != task]
        raise Broken(f"I12: memory and database differ in {live.run.dag_id} {live.run.run_id}: {wrong[:2]}")


_TASK_COLUMNS = (
    "run", "task_id", "map_index", "state", "try_number", "max_tries", "leg", "losses", "attempt", "not_before",
    "scheduled_at", "queued_at", "start_date", "end_date", "reason", "pending", "skip_decided", "rendered_map_index",
)  # fmt: skip


def check_silence(world: World, live: LiveRun, now: Any) -> None:
    """Every task that waits has a reason, and none of them is that the next turn will see to it."""
    for task in live.tasks.values():
        if task.state in FINISHED:
            continue
        reasons = explain(world, live, task, now)
        if not reasons:
            raise Broken(f"explain: {task.key} waits in silence")
        if reasons[0].code == "next_turn":
            raise Broken(f"explain: {task.key} waits for nothing: {reasons[0].sentence}")


def check_patience(live: LiveRun, now: datetime, lead: timedelta) -> None:
    """I2: a sensor looks again when it said, whatever its worker's clock shows; `lead` is what another scheduler's
    clock, by which it was noted, may have been ahead."""
    for task in live.tasks.values():
        if task.state is TaskState.UP_FOR_RESCHEDULE and task.not_before is not None:
            wait = (task.not_before - now - lead).total_seconds()
            if wait > LONGEST_LOOK_SECONDS:
                raise Broken(f"I2: {task.key} looks again in {wait:.0f} s, and no sensor waits so long")


def check_limits(world: World, sizes: Mapping[str, int]) -> None:
    """I8: slots are counted right; pools and parallelism hold, but where a pool was made smaller under its tasks."""
    used: Counter[str] = Counter()
    for attempt in world.attempts.values():
        used[attempt.pool] += attempt.pool_slots
    for name in used.keys() | world.pool_used.keys():
        if used[name] != world.pool_used.get(name, 0):
            raise Broken(f"I8: pool {name} counts {world.pool_used.get(name, 0)} slots, attempts hold {used[name]}")
        if 0 <= sizes.get(name, -1) < used[name]:
            raise Broken(f"I8: {used[name]} slots of pool {name} are used, it never had more than {sizes[name]}")
    if not world.total_active == len(world.attempts) <= world.parallelism:
        raise Broken(f"I8: {len(world.attempts)} attempts, {world.total_active} counted, {world.parallelism} allowed")


def check_running(world: World, starts: Mapping[str, int]) -> None:
    """I4: what the engine believes to run has begun."""
    for attempt in world.attempts.values():
        if attempt.state is AttemptState.RUNNING and attempt.id not in starts:
            raise Broken(f"I4: attempt {attempt.id} of {attempt.key} is running and never began")
