"""Triggers: which agent runs which trigger of a deferred task, and what becomes of its answer.

Nothing of this is stored. A trigger only waits, so that it may run twice for a while: the first answer counts. A
scheduler that starts, and one that loses an agent, hands out anew what nobody runs.
"""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tradewind.core.inputs import TriggerAnswered, XCom
from tradewind.core.records import Deferral
from tradewind.scheduler.peers import Peer
from tradewind.wire.messages import Ack, DropTrigger, RunTrigger, TriggerAnswer

if TYPE_CHECKING:
    from tradewind.scheduler.scheduler import Scheduler

SAY_AGAIN_SECONDS = 5.0
"""A trigger of which its agent's beats show nothing after this time is handed to it again."""


class Triggers:
    """The waiting triggers of one scheduler, by the agent that has them."""

    def __init__(self, scheduler: "Scheduler", agents: Mapping[str, Peer]) -> None:
        self._scheduler = scheduler
        self._agents = agents
        self._at: dict[str, str] = {}
        """Names of agents by the id of the trigger."""
        self._told_at: dict[str, float] = {}
        self._answers: dict[str, list[Peer]] = {}
        """Who waits for the commit of an answer."""

    def start(self, deferral: Deferral) -> None:
        """Have the agent with the fewest triggers run one. Without an agent it waits for the next that joins."""
        load = Counter(self._at.values())
        name = min(self._able(), key=lambda name: (load[name], name), default=None)
        if name is not None:
            self._hand(deferral, name)

    def _able(self) -> list[str]:
        workers = self._scheduler.world.workers
        return [name for name in self._agents if name in workers and not workers[name].draining]

    def _hand(self, deferral: Deferral, name: str) -> None:
        live = self._scheduler.world.runs.get(deferral.key.run)
        task = self._scheduler.world.task(deferral.key)
        if live is None or task is None:
            return
        self._at[deferral.id] = name
        self._told_at[deferral.id] = self._scheduler.uptime()
        order = RunTrigger(
            id=deferral.id,
            classpath=deferral.classpath,
            kwargs=deferral.kwargs,
            dag_id=live.run.dag_id,
            run_id=live.run.run_id,
            task_id=deferral.key.task_id,
            map_index=deferral.key.map_index,
            try_number=task.try_number,
        )
        self._agents[name].send(order)

    def stop(self, id: str) -> None:
        """Nobody waits for it any more."""
        name = self._at.pop(id, "")
        self._told_at.pop(id, None)
        if agent := self._agents.get(name):
            agent.send(DropTrigger(id=id))

    def joined(self) -> None:
        """There is one more agent: it may have what nobody runs."""
        for deferral in self._scheduler.world.deferrals.values():
            if deferral.needs_triggerer and self._at.get(deferral.id) not in self._agents:
                self.start(deferral)

    def left(self, name: str) -> None:
        """An agent is gone: others run what it ran."""
        for id in [id for id, agent in self._at.items() if agent == name]:
            del self._at[id]
        self.joined()

    def compare(self, peer: Peer, holds: frozenset[str]) -> None:
        """What an agent runs, and what it should: orders that got lost on the way are given again."""
        if not self._scheduler.is_durable:
            return
        world, now = self._scheduler.world, self._scheduler.uptime()
        for id, name in list(self._at.items()):
            key = world.deferred_as.get(id)
            if key is None or not world.deferrals[key].needs_triggerer:
                del self._at[id]
            elif name == peer.name and id not in holds and now - self._told_at.get(id, now) >= SAY_AGAIN_SECONDS:
                self._hand(world.deferrals[key], name)
        for stray in sorted(holds - self._at.keys() - self._answers.keys()):
            peer.send(DropTrigger(id=stray))

    def answered(self, peer: Peer, answer: TriggerAnswer) -> None:
        """A trigger has spoken: once its answer is stored, its agent may forget it."""
        if answer.id in self._answers:
            self._answers[answer.id].append(peer)
            return
        self._answers[answer.id] = [peer]

        def acknowledge(*_: object) -> None:
            self._at.pop(answer.id, None)
            self._told_at.pop(answer.id, None)
            for waiting in self._answers.pop(answer.id, ()):
                waiting.send(Ack(attempts=[answer.id]))

        self._scheduler.submit(
            TriggerAnswered(
                id=answer.id,
                event=answer.event,
                ends=answer.ends,
                xcoms=tuple(XCom(name=xcom.key, value=xcom.value, length=xcom.length) for xcom in answer.xcoms),
                error=answer.error,
            ),
            acknowledge,
        )
