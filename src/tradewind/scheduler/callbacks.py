"""Callbacks: which agent was told to carry out which stored callback, and what becomes of it.

The row is the fact: it stays until the callback is over, so a scheduler that starts and an agent that joins find what
is left. A callback may be started again; one that has begun what must not be done twice is not.
"""

from collections.abc import Callable, KeysView, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from tradewind.core.decisions import Record
from tradewind.core.errors import Unreadable
from tradewind.core.inputs import CallbackBegun, CallbackFinished
from tradewind.core.records import TaskKey
from tradewind.scheduler.offers import Offers
from tradewind.scheduler.owner import Rows
from tradewind.scheduler.peers import Order, Peer, able
from tradewind.scheduler.reports import moment_in
from tradewind.store import queries
from tradewind.wire.messages import Finished

if TYPE_CHECKING:
    from tradewind.scheduler.scheduler import Scheduler

NOT_TWICE = "it was begun before, and is not done twice"


class Callbacks:
    """The callbacks of one scheduler that are not over, by the agent that has them."""

    def __init__(self, scheduler: "Scheduler", agents: Mapping[str, Peer], offers: Offers) -> None:
        self._scheduler = scheduler
        self._agents = agents
        self._offers = offers
        self._orders: dict[str, Order] = {}
        """Which agent was told of a callback, by the callback's id."""
        self._begun: set[str] = set()
        """Those that may do, or have done, what must not be done twice."""
        self._odd: set[str] = set()
        """Those whose rows are not what they should be."""

    def ids(self) -> KeysView[str]:
        """What agents were told of and have not ended."""
        return self._orders.keys()

    def agents(self) -> set[str]:
        """Agents that were told of some."""
        return {order.agent for order in self._orders.values()}

    def start(self, number: str) -> None:
        """Hand a callback to an agent; without one it is handed out when an agent joins."""
        name = next(able(self._agents, self._scheduler.world), None)
        try:
            with self._scheduler.engine.connect() as connection:
                row = queries.callback_numbered(connection, number)
                run = queries.run_numbered(connection, row["run"]) if row else None
        except Unreadable as fault:
            self._set_aside(number, fault)
            return
        if row is not None and row["state"] == "begun":
            self._give_up(number)
            return
        offer = self._offers.callback(self._scheduler.world, row, run) if row and run else None
        if offer is None or name is None:
            self._orders.pop(number, None)
            return
        self._orders[number] = Order(name, self._scheduler.uptime())
        self._agents[name].send(offer)

    def joined(self, peer: Peer, holds: frozenset[str]) -> None:
        """An agent is there, with what it `holds`: it may have what nobody else has."""
        for row in self._open():
            number, order = row["id"], self._orders.get(row["id"])
            if row["state"] != "begun":
                if order is None or order.agent == peer.name:
                    self.start(number)
            elif row["worker"] == peer.name and number in holds:
                self._begun.add(number)
                self._orders[number] = Order(peer.name, self._scheduler.uptime())
            elif row["worker"] == peer.name:
                self._give_up(number)

    def left_for_good(self, name: str) -> None:
        """An agent does not come back: others carry out what it had."""
        for row in self._open():
            order = self._orders.get(row["id"])
            if row["state"] == "begun" and row["worker"] == name:
                self._give_up(row["id"])
            elif order is not None and order.agent == name:
                self.start(row["id"])

    def to_repeat(self, worker: str, holds: frozenset[str], now: float) -> list[str]:
        """Callbacks that this worker was told of long enough ago, and of which its beat shows nothing."""
        return [
            number
            for number, order in self._orders.items()
            if order.agent == worker and number not in holds and order.is_overdue(now)
        ]

    def begin(self, peer: Peer, number: str, reply: Callable[[Any, Exception | None], None]) -> None:
        """A callback asks whether it may do now what must not be done twice: the first that asks may, once that is
        durable. The answer is empty, or says why not."""
        try:
            with self._scheduler.engine.connect() as connection:
                row = queries.callback_numbered(connection, number)
        except (SQLAlchemyError, Unreadable) as error:
            reply(None, error)
            return
        if number in self._begun or row is None or row["state"] == "begun":
            reply(NOT_TWICE, None)
            return
        self._begun.add(number)

        def done(_: object, error: Exception | None) -> None:
            if error is not None:
                self._begun.discard(number)
            reply("", error)

        key = TaskKey(row["run"], row["task_id"], row["map_index"])
        news = CallbackBegun(
            id=number, key=key, kind=row["kind"], reason=row["reason"], try_number=row["try_number"], worker=peer.name
        )  # fmt: skip
        self._scheduler.submit(news, done)

    def is_one(self, report: Finished) -> bool:
        """Whether a report is about a callback: one that was handed out, or that is stored from before."""
        if report.attempt in self._orders:
            return True
        if report.attempt in self._scheduler.world.attempts:
            return False
        try:
            with self._scheduler.engine.connect() as connection:
                return queries.callback_numbered(connection, report.attempt) is not None
        except Unreadable:
            return True

    def end_of(self, report: Finished) -> CallbackFinished:
        """What the owner is told of a callback that is over. One that was asked for something, or failed, brings what
        it was about."""
        end = CallbackFinished(id=report.attempt, error=report.error)
        if report.moment_us is None and report.outcome == "success":
            return end
        try:
            with self._scheduler.engine.connect() as connection:
                row = queries.callback_numbered(connection, report.attempt)
        except Unreadable:
            row = None
        if row is None:
            return end
        asked = (TaskKey(row["run"], row["task_id"], row["map_index"]), row["kind"], row["reason"])
        return replace(end, asked=asked, moment=None if report.moment_us is None else moment_in(report.moment_us))

    def goes_on(self, peer: Peer, report: Finished) -> bool:
        """Whether the callback is to be started anew, because its process never came to it; else it is over. It is
        started after a while, as what got lost on the way: whatever kept it from being done may still be so."""
        if report.outcome in ("not_started", "lost") and report.attempt not in self._begun:
            self._orders[report.attempt] = Order(peer.name, self._scheduler.uptime())
            return True
        self._orders.pop(report.attempt, None)
        self._begun.discard(report.attempt)
        return False

    def _open(self) -> list[dict[str, Any]]:
        with self._scheduler.engine.connect() as connection:
            return queries.open_callbacks(connection)

    def _set_aside(self, number: str, fault: Unreadable) -> None:
        """It stays where it is; the event log says so once."""
        if number not in self._odd:
            self._odd.add(number)
            reason = f"Callback {number} cannot be called: {fault}"
            self._scheduler.submit(Rows((Record("quarantined", reason=reason),)))

    def _give_up(self, number: str) -> None:
        """It had begun, and nobody can say how far it came: it is over."""
        self._orders.pop(number, None)
        self._begun.discard(number)
        self._scheduler.submit(CallbackFinished(id=number, error="its process was lost after it had begun"))
