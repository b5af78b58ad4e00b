"""Triggers: which agent runs which trigger of a deferred task or of an asset's watcher, and what becomes of its words.

Nothing of this is stored. A trigger only waits, so that it may run twice for a while: of a deferral the first answer
counts, and what a watcher says is an event each time. A scheduler that starts, and one that loses an agent, hands out
anew what nobody runs.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError

from tradewind.core.inputs import TriggerAnswered, WatcherFailed, XCom
from tradewind.core.inputs import WatcherFired as Fired
from tradewind.scheduler.alert_deliveries import PREFIX, Deliveries, end_of
from tradewind.scheduler.owner import Rows
from tradewind.scheduler.peers import Order, Peer, Waiting, able
from tradewind.scheduler.reports import fault_of_xcoms
from tradewind.store import queries
from tradewind.wire.messages import Ack, DropTrigger, RunTrigger, TriggerAnswer, WatcherFired

if TYPE_CHECKING:
    from tradewind.scheduler.scheduler import Scheduler

log = structlog.get_logger("scheduler")


class Triggers:
    """The waiting triggers of one scheduler, by the agent that has them."""

    def __init__(self, scheduler: "Scheduler", agents: Mapping[str, Peer], deliveries: Deliveries) -> None:
        self._scheduler = scheduler
        self._agents = agents
        self._deliveries = deliveries
        self._orders: dict[str, Order] = {}
        """Which agent was told to run a trigger, by the trigger's id."""
        self._load: Counter[str] = Counter()
        """How many triggers each agent has."""
        self._answers = Waiting()
        """Who waits for the commit of an answer."""

    def start(self, id: str) -> None:
        """Have the agent with the fewest triggers run one. Without an agent it waits for the next that joins."""
        name = min(able(self._agents, self._scheduler.world), key=lambda name: (self._load[name], name), default=None)
        if name is not None:
            self._hand(id, name)

    def _hand(self, id: str, name: str) -> None:
        order = self._order(id)
        if order is None:
            return
        self._forget(id)
        self._orders[id] = Order(name, self._scheduler.uptime())
        self._load[name] += 1
        self._agents[name].send(order)

    def _order(self, id: str) -> RunTrigger | None:
        if (order := self._deliveries.order(id)) is not None:
            return order
        world = self._scheduler.world
        if (watched := world.watchers.active.get(id)) is not None:
            return RunTrigger(
                id=id, classpath=watched.classpath, kwargs=watched.kwargs, dag_id="", run_id="", task_id="",
                map_index=-1, try_number=0, keeps_on=True,
            )  # fmt: skip
        key = world.deferred_as.get(id)
        if key is None:
            return None
        deferral, live, task = world.deferrals[key], world.runs.get(key.run), world.task(key)
        if live is None or task is None:
            return None
        return RunTrigger(
            id=id,
            classpath=deferral.classpath,
            kwargs=deferral.kwargs,
            dag_id=live.run.dag_id,
            run_id=live.run.run_id,
            task_id=key.task_id,
            map_index=key.map_index,
            try_number=task.try_number,
        )

    def _is_wanted(self, id: str) -> bool:
        if self._deliveries.head(id) is not None:
            return True
        world = self._scheduler.world
        if (watched := world.watchers.active.get(id)) is not None:
            return watched.retry_at is None
        key = world.deferred_as.get(id)
        return key is not None and world.deferrals[key].needs_triggerer

    def _wanted(self) -> Iterator[str]:
        world = self._scheduler.world
        yield from (deferral.id for deferral in world.deferrals.values() if deferral.needs_triggerer)
        yield from (watched.id for watched in world.watchers.active.values() if watched.retry_at is None)
        yield from self._deliveries.heads

    def stop(self, id: str) -> None:
        """Nobody waits for it any more."""
        if agent := self._agents.get(self._forget(id)):
            agent.send(DropTrigger(id=id))

    def load_of(self, agent: str) -> int:
        """How many triggers an agent has."""
        return self._load[agent]

    def _forget(self, id: str) -> str:
        order = self._orders.pop(id, None)
        if order is None:
            return ""
        self._load[order.agent] -= 1
        return order.agent

    def joined(self) -> None:
        """There is one more agent: it may have what nobody runs."""
        for id in list(self._wanted()):
            order = self._orders.get(id)
            if order is None or order.agent not in self._agents:
                self.start(id)

    def left(self, name: str) -> None:
        """An agent is gone: others run what it ran."""
        for id in [id for id, order in self._orders.items() if order.agent == name]:
            self._forget(id)
        self.joined()

    def compare(self, peer: Peer, holds: frozenset[str]) -> None:
        """What an agent runs, and what it should: orders that got lost on the way are given again."""
        if not self._scheduler.is_durable:
            return
        now = self._scheduler.uptime()
        for id, order in list(self._orders.items()):
            if not self._is_wanted(id):
                self._forget(id)
            elif order.agent == peer.name and id not in holds and order.is_overdue(now):
                self._hand(id, order.agent)
        mine = {id for id, order in self._orders.items() if order.agent == peer.name}
        watchers = self._scheduler.world.watchers.active.keys()
        for stray in sorted(holds - self._answers.keys()):
            # A deferral that runs twice does no harm. What a watcher says twice are two events; people hear twice.
            tells = stray in watchers or stray.startswith(PREFIX)
            if stray not in self._orders or (tells and stray not in mine):
                peer.send(DropTrigger(id=stray))

    # --- what triggers say ---

    def answered(self, peer: Peer, answer: TriggerAnswer) -> None:
        """A trigger has spoken its last word: once that is stored, its agent may forget it."""
        if answer.id.startswith(PREFIX):
            self._delivered(peer, answer)
            return
        watches = answer.id in self._scheduler.world.watchers.active
        order = self._orders.get(answer.id)
        if watches and answer.id not in self._answers and (order is None or order.agent != peer.name):
            peer.send(Ack(attempts=[answer.id]))  # somebody else runs it by now, or will
            return
        if not self._answers.add(answer.id, peer):
            return

        def acknowledge(*_: object) -> None:
            self._forget(answer.id)
            self._answers.tell(answer.id, Ack(attempts=[answer.id]))

        if watches:
            error = answer.error or "it came to its end"
            self._scheduler.submit(WatcherFailed(id=answer.id, error=error), acknowledge)
            return
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

    def _delivered(self, peer: Peer, answer: TriggerAnswer) -> None:
        """A notice was taken or given up. Whoever says so first has done it."""
        delivery = self._deliveries.head(answer.id)
        if delivery is None and answer.id not in self._answers:
            peer.send(Ack(attempts=[answer.id]))
            return
        if not self._answers.add(answer.id, peer) or delivery is None:
            return

        def acknowledge(*_: object) -> None:
            self._forget(answer.id)
            self._answers.tell(answer.id, Ack(attempts=[answer.id]))
            if (following := self._deliveries.over(answer.id)) is not None:
                self.start(following)

        self._scheduler.submit(Rows(end_of(delivery, answer, self._scheduler.now())), acknowledge)

    def fired(self, peer: Peer, said: WatcherFired) -> None:
        """A watcher says that its assets were updated: one event, however often its agent says it."""
        if said.id not in self._answers:
            try:
                with self._scheduler.engine.connect() as connection:
                    is_stored = queries.has_asset_event(connection, f"{said.id}.0")
            except SQLAlchemyError as away:
                log.warning("database is away", error=str(away))
                return  # its agent says it again
            if is_stored:
                peer.send(Ack(attempts=[said.id]))
                return
        if not self._answers.add(said.id, peer):
            return

        def acknowledge(*_: object) -> None:
            self._answers.tell(said.id, Ack(attempts=[said.id]))

        self._scheduler.submit(Fired(watcher=said.watcher, id=said.id, event=said.event), acknowledge)
