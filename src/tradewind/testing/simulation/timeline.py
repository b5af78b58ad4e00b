"""Virtual time: what is going to happen, in order, and to whom. The only clock, and the only source of order."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from heapq import heappop, heappush
from random import Random

Call = Callable[[], None]


class Actor:
    """A process, as far as time is concerned: it can be frozen, and it can die."""

    __slots__ = ("alive", "frozen", "held", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.frozen = False
        self.held: list[Entry] = []

    def __repr__(self) -> str:
        return self.name


class Entry:
    """A call that is to come."""

    __slots__ = ("actor", "at", "call", "cancelled", "what")

    def __init__(self, at: int, actor: Actor, what: str, call: Call) -> None:
        self.at, self.actor, self.what, self.call = at, actor, what, call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Timeline:
    """A heap of calls by virtual microseconds; ties are broken by lot. `trace` is a hash over everything played."""

    def __init__(self, rng: Random) -> None:
        self.now = 0
        self.played = 0
        self._rng = rng
        self._sequence = 0
        self._heap: list[tuple[int, float, int, Entry]] = []
        self._hash = blake2b(digest_size=16)
        self.story: list[str] | None = None
        """Set to a list to have every call written down."""

    def after(self, seconds: float, actor: Actor, what: str, call: Call) -> Entry:
        """Have `call` happen to the actor in so many seconds."""
        return self.at(self.now + max(0, round(seconds * 1e6)), actor, what, call)

    def at(self, moment: int, actor: Actor, what: str, call: Call) -> Entry:
        """Have `call` happen at that microsecond."""
        entry = Entry(moment, actor, what, call)
        self._push(entry)
        return entry

    def _push(self, entry: Entry) -> None:
        self._sequence += 1
        heappush(self._heap, (entry.at, self._rng.random(), self._sequence, entry))

    def step(self) -> bool:
        """Play the next call. False when nothing is left."""
        while self._heap:
            moment, _, _, entry = heappop(self._heap)
            actor = entry.actor
            if entry.cancelled or not actor.alive:
                continue
            self.now = max(self.now, moment)
            if actor.frozen:
                actor.held.append(entry)
                continue
            self.played += 1
            self._hash.update(f"{self.now} {actor.name} {entry.what}\n".encode())
            if self.story is not None:
                self.story.append(f"{self.now / 1e6:12.6f} {actor.name:14} {entry.what}")
            entry.call()
            return True
        return False

    def thaw(self, actor: Actor) -> None:
        """What a frozen actor missed happens now, in its order."""
        actor.frozen = False
        held, actor.held = actor.held, []
        for position, entry in enumerate(held):
            entry.at = self.now + position
            self._push(entry)

    @property
    def trace(self) -> str:
        """A hash of everything that was played."""
        return self._hash.hexdigest()
