"""Triggers: which agent runs which trigger of a deferred task, and what becomes of its answer.

Nothing of this is stored. A trigger only waits, so that it may run twice for a while: the first answer counts. A
scheduler that starts, and one that loses an agent, hands out anew what nobody runs.
"""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from tradewind.core.inputs import TriggerAnswered, XCom
from tradewind.core.records import Deferral
from tradewind.scheduler.peers import Peer, Waiting
from tradewind.scheduler.reports import fault_of_xcoms
from tradewind.wire.messages import SAY_AGAIN_SECONDS, Ack, DropTrigger, RunTrigger, TriggerAnswer

if TYPE_CHECKING:
    from tradewind.scheduler.scheduler import Scheduler


class _Order(NamedTuple):
    agent: str
    told_at: float


class Triggers:
    """The waiting triggers of one scheduler, by the agent that has them."""

    def __init__(self, scheduler: "Scheduler", agents: Mapping[str, Peer]) -> None:
        self._scheduler = scheduler
        self._agents = agents
        self._orders: dict[str, _Order] = {}
        """Which agent was told to run a trigger, by the trigger's id."""
        self._load: Counter[str] = Counter()
        """How many triggers each agent has."""
        self._answers = Waiting()
        """Who waits for the commit of an answer."""

    def start(self, deferral: Deferral) -> None:
        """Have the agent with the fewest triggers run one. Without an agent it waits for the next that joins."""
        name = min(self._able(), key=lambda name: (self._load[name], name), default=None)
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
        self._forget(deferral.id)
        self._orders[deferral.id] = _Order(name, self._scheduler.uptime())
        self._load[name] += 1
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
        if agent := self._agents.get(self._forget(id)):
            agent.send(DropTrigger(id=id))

    def _forget(self, id: str) -> str:
        order = self._orders.pop(id, None)
        if order is None:
            return ""
        self._load[order.agent] -= 1
        return order.agent

    def joined(self) -> None:
        """There is one more agent: it may have what nobody runs."""
        for deferral in self._scheduler.world.deferrals.values():
            order = self._orders.get(deferral.id)
            if deferral.needs_triggerer and (order is None or order.agent not in self._agents):
                self.start(deferral)

    def left(self, name: str) -> None:
        """An agent is gone: others run what it ran."""
        for id in [id for id, order in self._orders.items() if order.agent == name]:
            self._forget(id)
        self.joined()

    def compare(self, peer: Peer, holds: frozenset[str]) -> None:
        """What an agent runs, and what it should: orders that got lost on the way are given again."""
        if not self._scheduler.is_durable:
            return
        world, now = self._scheduler.world, self._scheduler.uptime()
        for id, order in list(self._orders.items()):
            key = world.deferred_as.get(id)
            if key is None or not world.deferrals[key].needs_triggerer:
                self._forget(id)
            elif order.agent == peer.name and id not in holds and now - order.told_at >= SAY_AGAIN_SECONDS:
                self._hand(world.deferrals[key], order.agent)
        for stray in sorted(holds - self._orders.keys() - self._answers.keys()):
            peer.send(DropTrigger(id=stray))

    def answered(self, peer: Peer, answer: TriggerAnswer) -> None:
        """A trigger has spoken: once its answer is stored, its agent may forget it."""
        if not self._answers.add(answer.id, peer):
            return

        def acknowledge(*_: object) -> None:
            self._forget(answer.id)
            self._answers.tell(answer.id, Ack(attempts=[answer.id]))

        if fault := fault_of_xcoms(answer.xcoms):
            answer = TriggerAnswer(id=answer.id, error=f"What it answered cannot be used: {fault}.")
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
