"""Connections between simulated processes: in order and whole while they last, unless a fault says otherwise."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any, Protocol

from tradewind.testing.simulation.timeline import Actor, Timeline
from tradewind.wire.frames import decode, encode
from tradewind.wire.messages import AnyMessage, Message

TYPICAL_SECONDS = 0.0002
LATEST_DOUBLE_SECONDS = 5.0
"""How long after a message its double may come."""


class Weather(Protocol):
    """What happens to a message on its way."""

    def delay(self) -> float:
        """Seconds on top of the usual ones; mostly none."""
        ...

    def loses(self) -> bool: ...
    def doubles(self) -> bool: ...


class Calm:
    """Nothing happens to messages."""

    def delay(self) -> float:
        return 0.0

    def loses(self) -> bool:
        return False

    def doubles(self) -> bool:
        return False


class End:
    """One process's end of a connection. `send` takes messages, `close` ends it."""

    def __init__(
        self,
        timeline: Timeline,
        rng: Random,
        weather: Weather,
        owner: Actor,
        on_message: Callable[[AnyMessage], None],
        on_gone: Callable[[], None],
    ) -> None:
        self.open = True
        self.peer: End
        self.blocked = False
        """What is sent stays underway: a partition in this direction."""
        self._fds: deque[Any] = deque()
        self._timeline, self._rng, self._weather, self.owner = timeline, rng, weather, owner
        self._on_message, self._on_gone = on_message, on_gone
        self._last = 0
        self._kept: list[tuple[bytes, Any]] = []

    def send(self, message: Message, fd: Any = None) -> None:
        """Send; what is sent into a closed connection is lost."""
        if not (self.open and self.owner.alive):
            return
        data = encode(message)
        if self.blocked:
            self._kept.append((data, fd))
            return
        if fd is None and self._weather.loses():
            return
        self._post(data, fd, self._weather.delay())
        if fd is None and self._weather.doubles():
            self._post(data, None, LATEST_DOUBLE_SECONDS * self._rng.random() ** 2)

    def _post(self, data: bytes, fd: Any, delay: float) -> None:
        peer = self.peer
        at = self._timeline.now + round((TYPICAL_SECONDS * self._rng.random() + delay) * 1e6)
        if delay == 0.0:
            # A late message overtakes nobody's place but its own.
            at = self._last = max(self._last, at)
        message = decode(data)
        what = f"<- {type(message).__name__} {getattr(message, 'attempt', '')[:6]}".rstrip()
        self._timeline.at(at, peer.owner, what, lambda: peer._take(message, fd))

    def _take(self, message: AnyMessage, fd: Any) -> None:
        if self.open:
            if fd is not None:
                self._fds.append(fd)
            self._on_message(message)

    def take_fd(self) -> Any:
        """What came with the message just received."""
        return self._fds.popleft()

    def unblock(self) -> None:
        """The partition is over: what was underway arrives."""
        self.blocked = False
        kept, self._kept = self._kept, []
        for data, fd in kept:
            self._post(data, fd, 0.0)

    def close(self) -> None:
        """End the connection; both sides learn of it."""
        if self.open:
            self.open = False
            self._timeline.after(0, self.owner, "closed", self._on_gone)
            self.broken()

    def broken(self) -> None:
        """This end is no more (its process has died): the other one learns of it after what was sent before."""
        self.open = False
        peer = self.peer
        # Later by a moment: what happens at the same one is played in any order.
        at = max(self._last + 1, self._timeline.now + round(TYPICAL_SECONDS * self._rng.random() * 1e6))
        self._timeline.at(at, peer.owner, "eof", peer._end)

    def _end(self) -> None:
        if self.open:
            self.open = False
            self._on_gone()


def connect(a: End, b: End) -> None:
    """Make a connection of two ends."""
    a.peer, b.peer = b, a
