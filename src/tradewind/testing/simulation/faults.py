"""Faults: what goes wrong in a simulation, drawn from its seed, each class by itself so that one can be left out."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from random import Random
from typing import Any

from tradewind.store.writer import LEASE_MS
from tradewind.testing.simulation.machine import Habits
from tradewind.wire.messages import LEASE_SECONDS

CLASSES = (
    "commits", "database away", "scheduler crashes", "standby", "scheduler freezes", "agent crashes", "power cuts",
    "machine freezes", "suspends", "disconnects", "partitions", "delays", "losses", "doubles", "clocks", "processes",
    "machines", "extremes", "short leases",
)  # fmt: skip
"""Names of the fault classes."""

LASTS_SECONDS = 60.0
"""Faults come in the first so many seconds; then everything heals."""

LONGEST_CUT_SECONDS = 8.0
"""A worker that is cut off for longer may be given up while its tasks go on."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that happens at a moment: what, to which machine or scheduler, and for how long."""

    at: float
    kind: str
    target: int = 0
    lasts: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every fault of one simulation. Probabilities hold until the faults end."""

    events: tuple[Fault, ...] = ()
    commit: float = 0.0
    """Of a commit to fail in one of its ways."""
    delay: float = 0.0
    delay_seconds: float = 0.0
    loss: float = 0.0
    double: float = 0.0
    habits: Habits = field(default_factory=Habits)
    offsets: tuple[float, ...] = ()
    """Seconds by which each machine's wall clock is wrong."""
    standby: bool = False
    machines: int = 1
    capacity: int = 8
    parallelism: int = 32
    default_pool_slots: int = 128
    kill_grace_seconds: float = 5.0
    most_inputs: int = 500
    worker_lease_seconds: float = LEASE_SECONDS
    owner_lease_ms: int = LEASE_MS
    memory_bytes: int = 2**40
    """What each machine has free, however much its attempts take."""
    xcom_inline_bytes: int = 65_536
    """Larger XComs are files."""

    def without(self, name: str) -> Plan:
        """The plan without one class of faults."""
        kinds = _KINDS.get(name, ())
        events = tuple(event for event in self.events if event.kind not in kinds)
        default = Plan()
        given = {each: getattr(default, each) for each in _SETTINGS.get(name, ())}
        return replace(self, events=events, **given)

    def classes(self) -> list[str]:
        """The classes that this plan has something of."""
        return [name for name in CLASSES if self.without(name) != self]

    def without_event(self, position: int) -> Plan:
        """The plan without one single fault."""
        return replace(self, events=self.events[:position] + self.events[position + 1 :])

    def __repr__(self) -> str:
        default = Plan()
        named = [f.name for f in fields(self) if f.name != "events"]
        given = [f"{name}={getattr(self, name)!r}" for name in named if getattr(self, name) != getattr(default, name)]
        lines = [f"Plan({', '.join(given)})"]
        lines += [
            f"  {e.at:9.3f} s  {e.kind} {e.target}" + (f" for {e.lasts:.3f} s" if e.lasts else "") for e in self.events
        ]
        return "\n".join(lines)


_KINDS = {
    "database away": ("database away",),
    "scheduler crashes": ("scheduler crash",),
    "scheduler freezes": ("scheduler freeze",),
    "agent crashes": ("agent crash",),
    "power cuts": ("power cut",),
    "machine freezes": ("agent freeze", "machine freeze"),
    "suspends": ("suspend",),
    "disconnects": ("disconnect",),
    "partitions": ("partition up", "partition down"),
    "clocks": ("clock jump",),
}
_SETTINGS = {
    "commits": ("commit",),
    "standby": ("standby",),
    "delays": ("delay", "delay_seconds"),
    "losses": ("loss",),
    "doubles": ("double",),
    "clocks": ("offsets",),
    "processes": ("habits",),
    "machines": ("machines",),
    "extremes": (
        "capacity", "parallelism", "default_pool_slots", "kill_grace_seconds", "most_inputs", "xcom_inline_bytes",
        "memory_bytes",
    ),
    "short leases": ("worker_lease_seconds", "owner_lease_ms"),
}  # fmt: skip


def draw_plan(rng: Random) -> Plan:
    """A plan with some of the classes, at times with most of them. Everything follows from `rng`."""
    share = rng.choice([0.15, 0.3, 0.45, 0.6])
    on = {name for name in CLASSES if rng.random() < share}
    machines = rng.choice([2, 2, 3]) if "machines" in on else 1
    return Plan(
        events=_draw_events(rng, on, machines),
        commit=rng.choice([0.005, 0.05, 0.2]) if "commits" in on else 0.0,
        delay=rng.choice([0.01, 0.1]) if "delays" in on else 0.0,
        delay_seconds=rng.choice([0.05, 3.0]) if "delays" in on else 0.0,
        loss=rng.choice([0.01, 0.1]) if "losses" in on else 0.0,
        double=rng.choice([0.01, 0.1]) if "doubles" in on else 0.0,
        habits=_draw_habits(rng) if "processes" in on else Habits(),
        offsets=tuple(round(rng.uniform(-600, 600), 3) for _ in range(machines)) if "clocks" in on else (),
        standby="standby" in on,
        machines=machines,
        worker_lease_seconds=rng.choice([1.0, LEASE_SECONDS]) if "short leases" in on else LEASE_SECONDS,
        owner_lease_ms=rng.choice([1000, LEASE_MS]) if "short leases" in on else LEASE_MS,
        **(_draw_extremes(rng) if "extremes" in on else {}),
    )


def _draw_events(rng: Random, on: set[str], machines: int) -> tuple[Fault, ...]:
    events: list[Fault] = []

    def some(name: str, kinds: tuple[str, ...], most: int, targets: int, shortest: float, longest: float) -> None:
        if name in on:
            for _ in range(rng.randint(1, most)):
                lasts = shortest * (longest / shortest) ** rng.random()
                at = LASTS_SECONDS * rng.random() ** 2
                events.append(Fault(round(at, 3), rng.choice(kinds), rng.randrange(targets), round(lasts, 3)))

    some("database away", ("database away",), 3, 1, 0.05, 20)
    some("scheduler crashes", ("scheduler crash",), 4, 1, 0.05, 5)
    some("scheduler freezes", ("scheduler freeze",), 2, 1, 0.5, 40)
    some("agent crashes", ("agent crash",), 4, machines, 0.05, 30)
    some("power cuts", ("power cut",), 2, machines, 1, 40)
    some("machine freezes", ("agent freeze", "machine freeze"), 2, machines, 0.5, 40)
    some("suspends", ("suspend",), 2, 1, 1, 3600)
    some("disconnects", ("disconnect",), 4, machines, 0.2, LONGEST_CUT_SECONDS)
    some("partitions", ("partition up", "partition down"), 3, machines, 0.1, 20)
    some("clocks", ("clock jump",), 2, machines + 1, 0.1, 600)
    return tuple(sorted(events))


def _draw_habits(rng: Random) -> Habits:
    return Habits(
        child_dies=rng.choice([0.0, 0.1]), ignores_sigterm=rng.choice([0.0, 0.5]), host_dies=rng.choice([0.0, 0.05])
    )


def _draw_extremes(rng: Random) -> dict[str, Any]:
    """Settings at the ends of what is allowed: a batch of one, a pool of one …"""
    return {
        "capacity": rng.choice([1, 2, 8]),
        "parallelism": rng.choice([1, 3, 32]),
        "default_pool_slots": rng.choice([1, 128]),
        "kill_grace_seconds": rng.choice([0.01, 5.0]),
        "most_inputs": rng.choice([1, 2, 500]),
        "xcom_inline_bytes": 4,
        "memory_bytes": rng.choice([1, 2**40]),
    }
