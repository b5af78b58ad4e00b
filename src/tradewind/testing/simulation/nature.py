"""Nature: has the faults of a plan happen, makes the weather of the network, and heals everything in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from tradewind.testing.simulation.faults import LASTS_SECONDS, Fault, Plan
from tradewind.testing.simulation.network import End
from tradewind.testing.simulation.timeline import Actor

if TYPE_CHECKING:
    from tradewind.testing.simulation.simulation import Simulation

KILLED_WITHIN_SECONDS = 0.5
"""So soon after a thaw, what was given up meanwhile is dead."""


class Nature:
    """Strikes as planned until everything heals."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.actor = Actor("nature")
        self.rng = Random(f"{sim.seed}/network")
        events = sim.plan.events
        for fault in events:
            self.at(fault.at, fault.kind, lambda fault=fault: self._strike(fault))  # type: ignore[misc]
        self.heals_at = max([LASTS_SECONDS, *(f.at + f.lasts for f in events)]) if sim.plan != Plan() else 0.0
        self.at(self.heals_at, "heal", self._heal)

    def at(self, seconds: float, what: str, call: Callable[[], None]) -> None:
        """Have something happen at that moment."""
        self.sim.timeline.at(round(seconds * 1e6), self.actor, what, call)

    # --- strikes ---

    def _strike(self, fault: Fault) -> None:
        sim = self.sim
        sim.cover(fault.kind)
        machine = sim.machines[fault.target % len(sim.machines)]
        scheduler = sim.listening or sim.schedulers[0]
        match fault.kind:
            case "database away":
                sim.database.away = True
                self._after(fault.lasts, "database back", self._database_back)
            case "scheduler crash":
                scheduler.crash(fault.lasts)
            case "scheduler freeze":
                self._freeze([scheduler.actor], fault.lasts)
            case "agent crash":
                machine.crash(fault.lasts)
            case "power cut":
                machine.power_cut(fault.lasts)
            case "agent freeze":
                self._freeze([machine.actor], fault.lasts)
            case "machine freeze":
                self._freeze(machine.actors(), fault.lasts)
            case "suspend":
                everyone = [a for m in sim.machines for a in m.actors()]
                self._freeze([*everyone, *(a for s in sim.schedulers for a in (s.actor, s.kernel))], fault.lasts)
            case "disconnect":
                machine.unplugged_until = sim.timeline.now + round(fault.lasts * 1e6)
                if machine.link is not None:
                    machine.link.close()
            case "partition up":
                self._block(machine.link, fault.lasts)
            case "partition down":
                self._block(machine.link.peer if machine.link else None, fault.lasts)
            case "clock jump":
                whose = [*sim.machines, scheduler][fault.target % (len(sim.machines) + 1)]
                whose.clock_offset += fault.lasts
            case _:
                raise ValueError(fault.kind)

    def _after(self, seconds: float, what: str, call: Callable[[], None]) -> None:
        self.sim.timeline.after(seconds, self.actor, what, call)

    def _database_back(self) -> None:
        self.sim.database.away = False

    def _freeze(self, actors: Iterable[Actor], seconds: float) -> None:
        frozen = [actor for actor in actors if actor.alive and not actor.frozen]
        for actor in frozen:
            actor.frozen = True
        self._after(seconds, "thaw", lambda: self._thaw(frozen))

    def _thaw(self, actors: list[Actor]) -> None:
        self.rng.shuffle(actors)
        for actor in actors:
            if actor.frozen:
                self.sim.timeline.thaw(actor)
        self._after(KILLED_WITHIN_SECONDS, "look", self.sim.ledger.check_superseded)

    def _block(self, end: End | None, seconds: float) -> None:
        if end is not None and not end.blocked:
            end.blocked = True
            self._after(seconds, "unblock", end.unblock)

    def _heal(self) -> None:
        self.sim.healed = True
        self.sim.database.away = False
        for machine in self.sim.machines:
            machine.habits = replace(machine.habits, child_dies=0.0, host_dies=0.0)

    # --- weather ---

    def delay(self) -> float:
        plan = self.sim.plan
        if self.sim.healed or not plan.delay or self.rng.random() >= plan.delay:
            return 0.0
        return plan.delay_seconds * self.rng.random()

    def loses(self) -> bool:
        return self._happens("message lost", self.sim.plan.loss)

    def doubles(self) -> bool:
        return self._happens("message doubled", self.sim.plan.double)

    def _happens(self, what: str, chance: float) -> bool:
        if self.sim.healed or not chance or self.rng.random() >= chance:
            return False
        self.sim.cover(what)
        return True
