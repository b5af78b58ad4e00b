"""Notices on their way: which is the oldest of its alert and channel, and is under way, and which wait behind it."""

import json
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from tradewind.core.decisions import PutRow, Record
from tradewind.wire.messages import RunTrigger, TriggerAnswer

CLASSPATH = "tradewind.worker.alert_delivery.AlertDelivery"
PREFIX = "alert:"
"""Begins the id of each; no other trigger's id has it."""


class Delivery(NamedTuple):
    """One notice for one channel, as its row says."""

    key: str
    channel: str
    alert: str
    rule: str
    status: str
    at: datetime
    notice: str

    @property
    def id(self) -> str:
        return f"{PREFIX}{self.key}:{self.channel}"

    def row(self, state: str, error: str = "", ended_at: datetime | None = None) -> PutRow:
        """The row that says how far it is."""
        return PutRow("alert_notice", {**self._asdict(), "state": state, "error": error, "ended_at": ended_at})


class Deliveries:
    """Those that are not over, in their order. Each is a row."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], deque[Delivery]] = {}
        self._heads: dict[str, Delivery] = {}
        self._places: dict[str, str] = {}

    def is_read_from(self, home: str, rules_file: str) -> None:
        """Where who delivers finds the channels."""
        self._places = {"home": home, "rules_file": rules_file}

    @property
    def heads(self) -> Iterable[str]:
        """Ids of those that are to be under way."""
        return self._heads.keys()

    def head(self, id: str) -> Delivery | None:
        return self._heads.get(id)

    def add(self, delivery: Delivery) -> bool:
        """One more; whether it is to be under way at once. One that is known already is no other."""
        queue = self._waiting.setdefault((delivery.alert, delivery.channel), deque())
        if any(known.id == delivery.id for known in queue):
            return False
        queue.append(delivery)
        if len(queue) == 1:
            self._heads[delivery.id] = delivery
        return len(queue) == 1

    def order(self, id: str) -> RunTrigger | None:
        """What an agent is told."""
        delivery = self._heads.get(id)
        if delivery is None:
            return None
        kwargs = {"notice": delivery.notice, "channel": delivery.channel, **self._places}
        return RunTrigger(
            id=id, classpath=CLASSPATH, kwargs=json.dumps(kwargs).encode(), dag_id="", run_id="", task_id="",
            map_index=-1, try_number=0,
        )  # fmt: skip

    def over(self, id: str) -> str | None:
        """It has been delivered or given up, durably; returns the id of the one that waited behind it."""
        delivery = self._heads.pop(id, None)
        if delivery is None:
            return None
        place = (delivery.alert, delivery.channel)
        queue = self._waiting[place]
        queue.popleft()
        if not queue:
            del self._waiting[place]
            return None
        self._heads[queue[0].id] = queue[0]
        return queue[0].id


def end_of(delivery: Delivery, answer: TriggerAnswer, now: datetime) -> tuple[PutRow, Record]:
    """What is stored of a delivery that is over."""
    error = answer.error or _said(answer.event)
    body: dict[str, Any] = {"rule": delivery.rule, "channel": delivery.channel, "key": delivery.key}
    return (
        delivery.row("given_up" if error else "delivered", error, now),
        Record("alert.undelivered" if error else "alert.delivered", reason=error, body=body),
    )


def _said(event: bytes) -> str:
    """The event's text: empty when the notice was taken."""
    try:
        said = json.loads(event)
    except ValueError:
        said = None
    return said if isinstance(said, str) else "it ended without saying how"
