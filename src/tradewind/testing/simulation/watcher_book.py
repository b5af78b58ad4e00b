"""The book of watchers (I13): which triggers run, what they have said, and that each of that is an event once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tradewind.core.dag import DagSpec
from tradewind.core.ids import watcher_id
from tradewind.testing.simulation.asset_reference import leaves
from tradewind.testing.simulation.checks import Broken

if TYPE_CHECKING:
    from tradewind.testing.simulation.simulation import Simulation

_PAUSED = "SELECT dag_id, is_paused FROM dag"
_NEWS = (
    "SELECT number, id, name, actor FROM asset_event WHERE number > ? AND substr(actor, 1, 8) = 'watcher ' "
    "ORDER BY number"
)
_STALE = "SELECT count(*) FROM event WHERE name = 'watcher.stale_event'"


class WatcherBook:
    """What has happened so far. Raises Broken the moment that something is not as it has to be."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._rows = sim.database.rows
        self._said: dict[str, str] = {}
        """What watchers have said, by its name: who said it."""
        self._stored: set[tuple[str, str]] = set()
        """What was said, and the assets that it is an event of."""
        self._newest = 0
        self._for_nothing = 0
        """What was acknowledged and is no event, because nobody listened any more."""

    def says(self, watcher: str, said: str) -> None:
        """A trigger has something to say."""
        self._said[said] = watcher

    def acknowledged(self, said: str) -> None:
        """Its agent may forget it: it is stored, or came when nobody waited for it any more."""
        if self._rows("SELECT 1 FROM asset_event WHERE id = ?", f"{said}.0"):
            return
        self._for_nothing += 1
        ((stale,),) = self._rows(_STALE)
        if self._for_nothing > stale:
            raise Broken(f"I13: what {self._said[said]} said as {said} was acknowledged, and is no event")

    def look(self, specs: dict[str, DagSpec]) -> None:
        """Something was committed. `specs` are the Dags as the database has them."""
        self._check_news()
        wanted, found = self._wanted(specs), {id for (id,) in self._rows("SELECT id FROM watcher")}
        if found != wanted:
            raise Broken(f"I13: triggers watch that should not, or the other way round: {sorted(found ^ wanted)}")

    def is_settled(self) -> bool:
        """Nothing comes any more, and what has come is known."""
        world = self._sim.listening.scheduler.world if self._sim.listening else None
        if world is None or self._sim.is_there_news or any(m.agent.triggers.answers for m in self._sim.machines):
            return False
        held = [id for machine in self._sim.machines for id in machine.agent.triggers.holds]
        return all(one.retry_at is None and held.count(one.id) == 1 for one in world.watchers.active.values())

    def finish(self) -> None:
        """The end: each trigger that somebody waits for runs, in one place."""
        assert self._sim.listening is not None
        active = self._sim.listening.scheduler.world.watchers.active
        held = [id for machine in self._sim.machines for id in machine.agent.triggers.holds]
        for id, watched in active.items():
            if watched.retry_at is not None:
                raise Broken(f"I2: watcher {id} has failed and is not started again")
            if held.count(id) != 1:
                raise Broken(f"I2: watcher {id} runs {held.count(id)} times")
        for machine in self._sim.machines:
            if kept := [*machine.agent.triggers.answers]:
                raise Broken(f"I12: {machine.name} still keeps what triggers said: {kept[:3]}")

    def _check_news(self) -> None:
        for number, id, name, actor in self._rows(_NEWS, self._newest):
            self._newest = number
            said = id.rpartition(".")[0]
            if said not in self._said:
                raise Broken(f"I13: {actor} said {said}, which no trigger did")
            if (said, name) in self._stored:
                raise Broken(f"I13: what {actor} said as {said} is an event of {name} twice")
            self._stored.add((said, name))
            ((extra,),) = self._rows("SELECT extra FROM asset_event WHERE number = ?", number)
            if json.loads(bytes(extra)) != {"from_trigger": True, "payload": said}:
                raise Broken(f"I13: asset event {number} does not tell what {said} did")

    def _wanted(self, specs: dict[str, DagSpec]) -> set[str]:
        """The triggers that have to run: of assets that a Dag waits for which is not paused."""
        paused = {dag_id for dag_id, is_paused in self._rows(_PAUSED) if is_paused}
        awaited = {
            leaf["asset"]["name"] if "asset" in leaf else leaf["asset_ref"].get("name") or leaf["asset_ref"]["uri"]
            for dag_id, spec in specs.items() if dag_id not in paused
            for leaf in leaves(spec.assets) if "alias" not in leaf and leaf
        }  # fmt: skip
        declared = [watcher for spec in specs.values() for watcher in spec.watchers]
        return {watcher_id(w.classpath, w.kwargs) for w in declared if {w.asset, w.uri} & awaited}
