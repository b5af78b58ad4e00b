"""What must hold at every moment of a simulation, and at its end. The numbers are those of the reliability notes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tradewind.core.explain import explain
from tradewind.core.records import TaskKey
from tradewind.core.states import FINISHED
from tradewind.core.world import World
from tradewind.testing.world import LEGAL, same_world
from tradewind.wire.messages import Event, Offer


class Broken(AssertionError):
    """An invariant does not hold. The text begins with its name."""


class Ledger:
    """What the tasks themselves know: which attempt began and ended when. The engine never sees it."""

    def __init__(self) -> None:
        self.starts: dict[str, int] = {}
        self.ends: dict[str, str] = {}
        self.running: dict[TaskKey, str] = {}
        self.promised: set[str] = set()
        """Attempts whose success was acknowledged."""

    def began(self, offer: Offer, now: int) -> None:
        """`execute` begins. Raises Broken for I3 and I5."""
        key = TaskKey(offer.run.number, offer.task_id, offer.map_index)
        if offer.attempt in self.starts:
            raise Broken(f"I3: attempt {offer.attempt} of {key} began twice")
        if key in self.running:
            raise Broken(f"I5: {key} began as {offer.attempt} while {self.running[key]} was at work")
        self.starts[offer.attempt] = now
        self.running[key] = offer.attempt

    def ended(self, offer: Offer, how: str) -> None:
        """It is over: an outcome, or `killed`."""
        key = TaskKey(offer.run.number, offer.task_id, offer.map_index)
        if self.running.get(key) == offer.attempt:
            del self.running[key]
        self.ends[offer.attempt] = how


def check_events(events: Iterable[Event]) -> None:
    """I9: published events tell of legal transitions."""
    for event in events:
        if event.name == "task.moved" and (str(event.before), str(event.after)) not in LEGAL:
            raise Broken(f"I9: {event.dag_id} {event.task_id} went from {event.before} to {event.after}")


def check_memory(memory: World, rebuilt: World, now: Any) -> None:
    """Memory equals what the database gives. Raises Broken."""
    try:
        same_world(memory, rebuilt, now)
    except AssertionError as error:
        raise Broken(f"I12: memory and database differ: {error}") from error


def check_silence(world: World, now: Any) -> None:
    """Every task that waits has a reason, and none of them is that the next turn will see to it."""
    for live in world.runs.values():
        for task in live.tasks.values():
            if task.state not in FINISHED:
                reasons = explain(world, live, task, now)
                if not reasons:
                    raise Broken(f"explain: {task.key} waits in silence")
                if reasons[0].code == "next_turn":
                    raise Broken(f"explain: {task.key} waits for nothing: {reasons[0].sentence}")


def check_limits(world: World, sizes: dict[str, int]) -> None:
    """I8: pools and parallelism hold, except where a pool was made smaller under its tasks."""
    for name, used in world.pool_used.items():
        largest = sizes.get(name, -1)
        if 0 <= largest < used:
            raise Broken(f"I8: {used} slots of pool {name} are used, it never had more than {largest}")
    if world.total_active > world.parallelism:
        raise Broken(f"I8: {world.total_active} attempts at once, {world.parallelism} are allowed")
