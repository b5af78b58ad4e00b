"""State that tasks keep, beside themselves and beside assets: what was acknowledged is read back, and nothing else.

A place is written and read as one register. Every value is unique, so a read says which write it saw. What it may see:
a write that nothing acknowledged has replaced for certain before the read began.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tradewind.core.records import TaskKey
from tradewind.testing.simulation.checks import Broken
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.ledger import key_of
from tradewind.wire.messages import Message, Offer, Request, Response

Place = tuple[str, ...]
"""`task`, run, task and map index, or `asset` and its name."""

KEY = "cursor"
ASSETS = ("a", "b")
"""No Dag names them: what is kept beside them goes when somebody cleans."""


@dataclass(slots=True)
class _Write:
    """A value on its way to a place. Moments are virtual microseconds."""

    value: bytes | None
    attempt: str
    began: int
    acknowledged: int | None = None
    closed: int | None = None
    """When it was certain that it had either happened or would never happen."""


Cleaning = list[tuple[Place, _Write]]
"""That nothing is kept beside assets any more, for each of them."""


class KeptValues:
    """What all places may hold. Raises Broken for I18 the moment it does not hold."""

    def __init__(self, database: Database, now: Callable[[], int], doubles: bool) -> None:
        self.now = now
        self._database = database
        self._doubles = doubles
        """A message may come twice: then a write that was acknowledged can happen again while its attempt lasts."""
        self._writes: dict[Place, list[_Write]] = defaultdict(lambda: [_Write(None, "", -1, -1, -1)])
        self._open: dict[str, list[_Write]] = defaultdict(list)
        self._newest: dict[TaskKey, str] = {}
        self.reads = self.kept = 0

    def began(self, offer: Offer) -> None:
        """An attempt begins: no other one of its task instance writes from now on."""
        before = self._newest.get(key_of(offer))
        self._newest[key_of(offer)] = offer.attempt
        if before is not None:
            self.ended(before)

    def ended(self, attempt: str) -> None:
        """The engine has taken the end of this attempt down: it writes no more."""
        for write in self._open.pop(attempt, ()):
            write.closed = self.now()

    def writes(self, place: Place, attempt: str, value: bytes | None) -> _Write:
        """An attempt sends a value on its way; None forgets what is there."""
        write = _Write(value, attempt, self.now())
        self._writes[place].append(write)
        self._open[attempt].append(write)
        return write

    def cleans(self, key: str) -> Cleaning:
        """Somebody wishes that nothing is kept beside assets any more."""
        places: list[Place] = [("asset", name) for name in ASSETS]
        return [(place, self.writes(place, key, None)) for place in places]

    def cleaned(self, cleaning: Cleaning, *, was_done: bool) -> None:
        """The wish is answered."""
        for place, write in cleaning:
            if was_done:
                self.acknowledged(place, write)
        self.ended(cleaning[0][1].attempt)

    def acknowledged(self, place: Place, write: _Write) -> None:
        """The engine says that it is stored: from now on it is there, or what has replaced it."""
        write.acknowledged = self.now()
        if not self._doubles and write in self._open.get(write.attempt, ()):
            self._open[write.attempt].remove(write)
            write.closed = write.acknowledged
        self.kept += 1
        self.check(place, self._stored(place), self.now(), "is stored")

    def read(self, place: Place, value: bytes | None, since: int, reader: str) -> None:
        """A read that began at `since` has this answer."""
        self.reads += 1
        self.check(place, value, since, f"is read by attempt {reader}")

    def check(self, place: Place, value: bytes | None, since: int, what: str) -> None:
        """Whether a read that began at `since` may see this."""
        writes = self._writes[place]
        replaced = max(each.began for each in writes if each.acknowledged is not None and each.acknowledged <= since)
        allowed = [each.value for each in writes if each.closed is None or each.closed >= replaced]
        if value not in allowed:
            shown = value.decode(errors="replace") if value is not None else "nothing"
            raise Broken(f"I18: of {' '.join(place)} {shown} {what}, and not one of {allowed}")

    def check_end(self) -> None:
        """What is stored in the end is what was written."""
        for place in list(self._writes):
            self.check(place, self._stored(place), self.now(), "is stored in the end")

    def _stored(self, place: Place) -> bytes | None:
        if place[0] == "asset":
            query = 'SELECT value FROM asset_state_store WHERE name = ? AND uri = ? AND "key" = ?'
            rows = self._database.rows(query, place[1], uri_of(place[1]), KEY)
        else:
            query = 'SELECT value FROM task_state_store WHERE run = ? AND task_id = ? AND map_index = ? AND "key" = ?'
            rows = self._database.rows(query, int(place[1]), place[2], int(place[3]), KEY)
        return bytes(rows[0][0]) if rows else None


def uri_of(asset: str) -> str:
    """The uri of an asset of the play."""
    return f"simulated://{asset}"


class Keeping:
    """What an attempt does about its places while it runs: reads each, and then writes it."""

    def __init__(self, values: KeptValues, offer: Offer, places: Iterable[str], send: Callable[[Message], None]):
        self._values = values
        self._offer = offer
        self._send = send
        self._places = list(places)
        self._number = 0
        self._since = 0
        self._write: _Write | None = None

    def go_on(self) -> None:
        """Ask for the next place, if there is one left."""
        if self._places:
            self._since = self._values.now()
            self._ask("get", **(self._names() if self._places[0] == "task" else {}))

    def told(self, answer: Response) -> None:
        """An answer has come. One without what was asked for leaves everything as it was."""
        if answer.id != self._number or not self._places:
            return
        place = self._place()
        if answer.error:
            self._places.clear()
        elif self._write is not None:
            self._values.acknowledged(place, self._write)
            self._write = None
            del self._places[0]
            self.go_on()
        else:
            self._values.read(place, answer.value, self._since, self._offer.attempt)
            value = json.dumps([*place, self._offer.attempt]).encode()
            self._write = self._values.writes(place, self._offer.attempt, value)
            self._ask("set", value=value)

    def _ask(self, what: str, **args: object) -> None:
        self._number += 1
        kind = self._places[0]
        if kind != "task":
            args |= {"name": kind, "uri": uri_of(kind)}
        store = "task_state_store" if kind == "task" else "asset_state_store"
        request = Request(
            id=self._number, method=f"{store}.{what}", attempt=self._offer.attempt, args={"key": KEY, **args}
        )
        self._send(request)

    def _names(self) -> dict[str, object]:
        offer = self._offer
        names = {"dag_id": offer.run.dag_id, "run_id": offer.run.run_id, "task_id": offer.task_id}
        return {**names, "map_index": offer.map_index}

    def _place(self) -> Place:
        kind, offer = self._places[0], self._offer
        if kind == "task":
            return "task", str(offer.run.number), offer.task_id, str(offer.map_index)
        return "asset", kind
