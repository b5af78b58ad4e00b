"""Virtual time: what is going to happen, in order, and to whom. The only clock, and the only source of order."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from heapq import heappop, heappush
from random import Random

Call = Callable[[], None]

HASHED_AT_ONCE = 512
"""Lines of the trace that are hashed together."""


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
        self._lot = rng.random
        self._sequence = 0
        self._heap: list[tuple[int, float, int, Entry]] = []
        self._hash = blake2b(digest_size=16)
        self._lines: list[str] = []
        self.story: list[str] | None = None
        """Set to a list to have every call written down."""

    def after(self, seconds: float, actor: Actor, what: str, call: Call) -> Entry:
        """Have `call` happen to the actor in so many seconds."""
        return self.at(self.now + max(0, round(seconds * 1e6)), actor, what, call)

    def at(self, moment: int, actor: Actor, what: str, call: Call) -> Entry:
        """Have `call` happen at that microsecond."""
        entry = Entry(moment, actor, what, call)
        self._sequence += 1
        heappush(self._heap, (moment, self._lot(), self._sequence, entry))
        return entry

    def step(self) -> bool:
        """Play the next call. False when nothing is left."""
        heap = self._heap
        while heap:
            moment, _, _, entry = heappop(heap)
            actor = entry.actor
            if entry.cancelled or not actor.alive:
                continue
            if moment > self.now:
                self.now = moment
            if actor.frozen:
                actor.held.append(entry)
                continue
            self.played += 1
            self._lines.append(f"{self.now} {actor.name} {entry.what}\n")
            if len(self._lines) >= HASHED_AT_ONCE:
                self._hash_lines()
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
            self._sequence += 1
            heappush(self._heap, (entry.at, self._lot(), self._sequence, entry))

    @property
    def trace(self) -> str:
        """A hash of everything that was played."""
        self._hash_lines()
        return self._hash.hexdigest()

    def _hash_lines(self) -> None:
        self._hash.update("".join(self._lines).encode())
        self._lines.clear()
