"""One who listens: what is kept for them until they take it, at most ten times a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from tradewind.api.live.changes import Change
from tradewind.core.access import Caller

INTERVAL_SECONDS = 0.1
"""Between two tellings: what changes in between is told together, and what changes twice is told once."""
MOST_WAITING = 1000
"""Changes that wait for a listener. One who is further behind reads anew what they look at."""
RESYNC_SECONDS = 2.0
"""Between two requests to read anew."""
BEAT_SECONDS = 15.0
"""After so much silence a listener is told that the stream still stands."""


@dataclass(slots=True)
class Telling:
    """What a listener is told at once."""

    cursor: int
    """Whoever comes back with it misses nothing."""
    changes: list[Change] = field(default_factory=list)
    resync: str = ""
    """Why everything that is looked at must be read anew; empty when it need not be."""
    connection: str = ""
    """The connection to the scheduler, when it has changed."""
    me: bool = False
    """What the listener themselves may do has changed."""
    end: str = ""
    """Why nothing follows; empty when it goes on."""

    @property
    def says_nothing(self) -> bool:
        """The stream still stands, and that is all."""
        return not (self.changes or self.resync or self.connection or self.me or self.end)


class Listener:
    """A stream of one browser. Everything happens in the loop of the hub."""

    def __init__(
        self,
        caller: Caller,
        topics: frozenset[str],
        again: Callable[[], Caller],
        *,
        credential: str = "",
        cursor: int | None = None,
        newest: Callable[[], int] = lambda: 0,
    ) -> None:
        """`again` says who the caller is by now, or raises; it reads the database, so it belongs in a thread.
        Listeners with the same `credential` get the same answer. `newest`: up to which event everything has been
        offered. `cursor`: up to which one the listener has been told."""
        self.topics, self.again, self.credential = topics, again, credential
        self._be(caller)
        self._newest = newest
        self._told = newest() if cursor is None else cursor
        self._now = asyncio.get_running_loop().time
        self._waiting: dict[object, Change] = {}
        self._news = Telling(0)
        self._awake = asyncio.Event()
        self._paces = False
        """It waits for its time, and not for what there is to tell."""
        self._holds = 0
        self._told_at = self._resynced_at = float("-inf")

    # --- what the hub says ---

    def offer(self, change: Change) -> None:
        """One more change that the caller may hear of."""
        if self._news.resync or self._news.end:
            return
        # The later one takes the place of the earlier, at the end: what is told is in the order of the event log.
        self._waiting.pop(change.key, None)
        self._waiting[change.key] = change
        if len(self._waiting) > MOST_WAITING:
            self.resync("too many changes at once")
        self._wake()

    def resync(self, why: str) -> None:
        """What waits is forgotten, and the listener reads everything anew instead."""
        self._waiting.clear()
        self._news.resync = why
        self._wake()

    def connection(self, name: str) -> None:
        """The connection to the scheduler has changed."""
        self._news.connection = name
        self._wake()

    def hold(self) -> None:
        """Who they are is being looked at anew: they are told nothing until `let_go`, once for each `hold`."""
        self._holds += 1

    def let_go(self, caller: Caller) -> None:
        """Who they are now. What they may see may have changed, and then they read it anew."""
        self._holds -= 1
        if caller != self.caller:
            self._be(caller)
            self._news.me = True
            self.resync("what you may see has changed")
        self._wake()

    def end(self, why: str) -> None:
        """Nothing follows. What waited is not told any more: it may be what the listener must not see."""
        self._waiting.clear()
        self._news = Telling(0, end=why)
        self._awake.set()

    def _be(self, caller: Caller) -> None:
        self.caller = caller
        self.is_scoped = any(not grant.dags.everything for role in caller.roles for grant in role.grants)
        """Something they may see depends on the Dag that it is about."""

    def _wake(self) -> None:
        if not self._paces:
            self._awake.set()

    # --- what the listener takes ---

    @property
    def cursor(self) -> int:
        """With what to come back now: after everything that has been offered, unless some of it was not told yet."""
        return max(0, self._told if self._waiting or self._news.resync else self._newest())

    async def take(self, seconds: float = BEAT_SECONDS) -> Telling:
        """What there is to tell, as soon as it may be told; after so many seconds, that there is nothing."""
        until = self._now() + seconds
        while (rest := self._rest()) != 0:
            left = until - self._now()
            if left <= 0:
                return Telling(self.cursor)
            self._paces = rest is not None
            self._awake.clear()
            try:
                async with asyncio.timeout(left if rest is None else min(rest, left)):
                    await self._awake.wait()
            except TimeoutError:
                pass
            finally:
                self._paces = False
        return self._taken()

    def _rest(self) -> float | None:
        """How long it may not be told yet; None when there is nothing to tell."""
        news = self._news
        if news.end:
            return 0
        if self._holds or (not self._waiting and news.says_nothing):
            return None
        pause = self._told_at + INTERVAL_SECONDS
        if news.resync and not news.me:
            pause = max(pause, self._resynced_at + RESYNC_SECONDS)
        return max(0, pause - self._now())

    def _taken(self) -> Telling:
        news, self._news = self._news, Telling(0)
        news.changes = list(self._waiting.values())
        self._waiting.clear()
        self._told_at, self._told = self._now(), self._newest()
        if news.resync:
            self._resynced_at = self._told_at
        news.cursor = max(0, self._told)
        return news
