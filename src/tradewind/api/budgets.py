"""How much one caller may have of this process: so many requests, and so many that are answered at the same time.

Nothing of the engine waits for any of it: agents report to the scheduler's own socket, in another process. What is
bounded here is what callers can take from each other.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tradewind.api.call import TooMuch

A_SECOND, AT_ONCE = 200.0, 2000.0
"""Requests of one caller: as a lasting rate, and in a burst."""
MOST_KNOWN = 10_000
"""Callers that are remembered. One that is forgotten begins with a full budget."""
MOST_ANSWERED, MOST_ANSWERED_TO_ONE = 24, 8
"""Requests that are answered at the same time, in all and to one caller: fewer than there are threads, so that logging
in, health and the streams always find one."""
MOST_WAITING = 200
"""Requests of one caller that wait for their turn."""
WAITS_SECONDS = 15.0


class Budgets:
    """Requests that callers may make, by their names: a bucket each that fills again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> None:
        """One request more. Raises TooMuch."""
        now = self._clock()
        left, at = self._left.pop(name, (AT_ONCE, now))
        left = min(AT_ONCE, left + (now - at) * A_SECOND)
        self._left[name] = (left - 1 if left >= 1 else left, now)
        while len(self._left) > MOST_KNOWN:
            self._left.popitem(last=False)
        if left < 1:
            raise TooMuch(f"You ask more often than {A_SECOND:.0f} times a second for a long time; wait 1 s.", 1)


class Turnstile:
    """Lets in as many as there may be, and has the others wait in their order."""

    def __init__(self) -> None:
        self._inside: Counter[str] = Counter()
        self._waiting: deque[tuple[str, asyncio.Future[None]]] = deque()

    def inside(self, name: str | None = None) -> int:
        """How many are answered now, of one caller or in all."""
        return self._inside.total() if name is None else self._inside[name]

    def waiting(self, name: str | None = None) -> int:
        """How many wait."""
        return sum(name is None or whose == name for whose, _ in self._waiting)

    async def enter(self, name: str) -> None:
        """Wait for one's turn. Raises TooMuch for who would wait behind too many, or has waited for too long."""
        if self._has_room(name):
            self._inside[name] += 1
            return
        if self.waiting(name) >= MOST_WAITING:
            raise TooMuch(f"{MOST_WAITING} of your requests wait for an answer already; ask for less at a time.", 2)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = (name, turn)
        self._waiting.append(place)
        try:
            await asyncio.wait_for(asyncio.shield(turn), WAITS_SECONDS)
        except BaseException as problem:
            if turn.done():
                self.leave(name)  # its turn came at this very moment
            else:
                self._waiting.remove(place)
                turn.cancel()
            if isinstance(problem, TimeoutError):
                raise TooMuch(
                    f"{MOST_ANSWERED_TO_ONE} of your requests are being answered, and none was done within "
                    f"{WAITS_SECONDS:.0f} s; ask for less at a time.", 2,
                ) from None  # fmt: skip
            raise

    def leave(self, name: str) -> None:
        """One is done, and another may come in."""
        self._inside[name] -= 1
        if not self._inside[name]:
            del self._inside[name]
        for place in [each for each in self._waiting if self._has_room(each[0])]:
            name, turn = place
            if self._has_room(name):
                self._waiting.remove(place)
                self._inside[name] += 1
                turn.set_result(None)

    def _has_room(self, name: str) -> bool:
        return self._inside.total() < MOST_ANSWERED and self._inside[name] < MOST_ANSWERED_TO_ONE


class Turn:
    """One request's turn: taken when it is known who asks, given back when the answer begins."""

    def __init__(self, turnstile: Turnstile) -> None:
        self._turnstile, self._name = turnstile, ""
        self._is_inside = False

    async def take(self, name: str) -> None:
        """Wait until this caller's request may be answered."""
        await self._turnstile.enter(name)
        self._name, self._is_inside = name, True

    def give_back(self) -> None:
        if self._is_inside:
            self._is_inside = False
            self._turnstile.leave(self._name)


class Turns:
    """Gives each request a turn that it can take, as `turn` of its scope, and takes it back when the answer begins: how
    long a stream goes on does not matter."""

    def __init__(self, app: ASGIApp, turnstile: Turnstile) -> None:
        self._app, self._turnstile = app, turnstile

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        turn = scope["turn"] = Turn(self._turnstile)

        async def send_outside(message: Message) -> None:
            turn.give_back()
            await send(message)

        try:
            await self._app(scope, receive, send_outside)
        finally:
            turn.give_back()
