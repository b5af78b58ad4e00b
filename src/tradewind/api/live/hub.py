"""Follows the event log once for this process, and tells every listener what they may hear of.

The scheduler says what it has committed, as hints over its socket; the rows are the facts. Each event has the number
after the one before, so a hint that was lost shows: what lies between is then read from the table, by one query for all
listeners. Nothing else reads it, however many listen.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_thread
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from tradewind.api.call import NotAuthenticated, NotPermitted, TooMuch
from tradewind.api.link import Link, Refusal, SchedulerAway
from tradewind.api.live.changes import LOGINS, SOME, Change, change_of, grown, heard_by, log_of, may_hear, topics_of
from tradewind.api.live.facts import KnownFacts
from tradewind.api.live.growth import Growth
from tradewind.api.live.listener import Listener
from tradewind.api.live.ring import KEPT_SECONDS, MOST_KEPT, Ring
from tradewind.core.access import Caller
from tradewind.observability.logs import logger
from tradewind.store.reading.events import events_after, newest_event
from tradewind.wire.log_files import log_path
from tradewind.wire.messages import Event

log = logger("api")

LIVE, AWAY = "live", "scheduler-away"
SILENCE_SECONDS = 4.0
"""After so much silence the scheduler is asked whether it is still there, and how far it is."""
ANSWER_SECONDS = 2.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 2.0
"""Between two tries to reach a scheduler that is away. At each of them the event log is looked at, once for all:
without a scheduler the command line may write to it."""
LINGERS_SECONDS = KEPT_SECONDS
"""How long the log is followed when nobody listens any more, so that who comes back need not read everything anew."""
MOST_LISTENERS, MOST_OF_ONE = 1000, 100
THREADS = 4
GROWS_SECONDS = 0.1
UNKNOWN = -1
HARMLESS = frozenset({"login.failed", "login.succeeded", "account.created"})
"""Takes nothing from anybody who listens."""


class Closing(SchedulerAway):
    """The server stops."""


class Hub:
    """The listeners of one process, and the one task that follows the event log for them."""

    def __init__(self, engine: Engine, link: Link, logs: Path) -> None:
        """`logs`: the folder of the logs that tasks write on this machine."""
        self._engine, self._link, self._logs = engine, link, logs
        self._growth = Growth(logs, self._grew)
        self._grown: set[str] = set()
        self._readers: dict[str, list[asyncio.Event]] = {}
        """By topic of a log, who waits for more of it."""
        self.ring = Ring(UNKNOWN)
        self.connection = AWAY
        self._listeners: set[Listener] = set()
        self._by_topic: dict[str, set[Listener]] = {}
        self._facts = KnownFacts(engine)
        self._following: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._threads: CapacityLimiter | None = None
        """Its own: what the API's handlers do must not make changes late."""
        self._looking: set[asyncio.Task[None]] = set()
        self._alone_since: float | None = None
        self._is_closing = False

    def __len__(self) -> int:
        return len(self._listeners)

    # --- listeners ---

    async def listen(
        self, caller: Caller, topics: frozenset[str], again: Callable[[], Caller], *, credential: str = "",
        after: int | None = None,
    ) -> Listener:  # fmt: skip
        """One more. With `after` they are offered first what has happened since that event.

        Raises TooMuch, or Closing when the server stops.
        """
        self._check_room(caller)
        await self._started()
        listener = Listener(
            caller, topics, again, credential=credential, cursor=after, newest=lambda: self.ring.newest
        )  # fmt: skip
        if after is not None and listener.is_scoped:
            while unknown := self._facts.unknown(self._dags_after(after, topics)):
                await self._in_thread(self._facts.learn, unknown)
        logs = {topic: log_path(self._logs, *place) for topic in topics if (place := log_of(topic))}
        if logs and listener.is_scoped:
            dag_ids = {place[0] for topic in logs if (place := log_of(topic))}
            while unknown := self._facts.unknown(dag_ids):
                await self._in_thread(self._facts.learn, unknown)
        # From here on nothing is waited for: what comes after the replay is offered by the one who follows.
        self._listeners.add(listener)
        self._alone_since = None
        for topic in topics:
            self._by_topic.setdefault(topic, set()).add(listener)
            if topic in logs:
                self._growth.watch(topic, logs[topic])
                # It may have grown between what they have read and this moment, of which nobody will speak again.
                if (change := grown(topic)) and logs[topic].exists():
                    self._offer(listener, change)
        if after is not None:
            self._replay(listener, after)
        return listener

    def leave(self, listener: Listener) -> None:
        """They listen no longer."""
        self._listeners.discard(listener)
        for topic in listener.topics:
            others = self._by_topic.get(topic, set())
            others.discard(listener)
            if not others:
                self._by_topic.pop(topic, None)
                if topic not in self._readers:
                    self._growth.forget(topic)
        if not self._listeners:
            self._alone_since = time.monotonic()

    @asynccontextmanager
    async def reading(
        self, dag_id: str, run_id: str, task_id: str, map_index: int, try_number: int
    ) -> AsyncIterator[asyncio.Event]:
        """For one who reads this log to its end: an event that is set whenever it has grown or its try has moved, and
        for good when the server stops."""
        await self._started()
        topic, news = f"log:{dag_id}/{run_id}/{task_id}/{map_index}/{try_number}", asyncio.Event()
        self._readers.setdefault(topic, []).append(news)
        self._growth.watch(topic, log_path(self._logs, dag_id, run_id, task_id, map_index, try_number))
        try:
            yield news
        finally:
            self._readers[topic].remove(news)
            if not self._readers[topic]:
                del self._readers[topic]
                if topic not in self._by_topic:
                    self._growth.forget(topic)

    @property
    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        """End every stream: the server stops."""
        self._is_closing = True
        for listener in list(self._listeners):
            listener.end("closing")
        for topic in self._readers:
            self._wake(topic)
        self._growth.close()
        for task in (self._following, *self._looking):
            if task is not None:
                task.cancel()

    def _check_room(self, caller: Caller) -> None:
        if self._is_closing:
            raise Closing("The server is stopping; try again in a moment.")
        own = sum(each.caller.name == caller.name for each in self._listeners)
        if len(self) >= MOST_LISTENERS or own >= MOST_OF_ONE:
            raise TooMuch(f"There are too many streams ({own} of yours, {len(self)} in all); close some pages.", 30)

    def _dags_after(self, seq: int, topics: frozenset[str]) -> set[str]:
        missed = self.ring.after(seq) or ()
        return {change.dag_id for change in missed if change.dag_id and any(heard_by(topics, change))}

    def _replay(self, listener: Listener, after: int) -> None:
        missed = self.ring.after(after)
        if missed is None:
            listener.resync("it was too long ago")
            return
        for change in missed:
            self._offer(listener, change)

    # --- following ---

    async def _started(self) -> None:
        """Somebody follows the event log, and it is known how far it is."""
        loop = asyncio.get_running_loop()
        if self._following is None or self._following.done() or self._following.get_loop() is not loop:
            self._ready, self._threads = loop.create_future(), CapacityLimiter(THREADS)
            self._following = asyncio.ensure_future(self._follow(self._ready))
        assert self._ready is not None
        await asyncio.shield(self._ready)

    async def _follow(self, ready: asyncio.Future[None]) -> None:
        self.ring, self._alone_since = Ring(UNKNOWN), time.monotonic()
        try:
            pause = FIRST_PAUSE_SECONDS
            while not self._is_idle():
                try:
                    async with AsyncExitStack() as stack:
                        async with asyncio.timeout(ANSWER_SECONDS):
                            events = await stack.enter_async_context(self._link.events())
                        ear = await stack.enter_async_context(aclosing(_Ear(events)))
                        # Subscribed first, then read: nothing happens unseen between the two.
                        await self._catch_up()
                        self._say_connection(LIVE)
                        _done(ready)
                        pause = FIRST_PAUSE_SECONDS
                        async for event in ear:
                            await self._heard(event)
                            if self._is_idle():
                                return
                except (SchedulerAway, Refusal, SQLAlchemyError, TimeoutError) as away:
                    log.debug("live updates wait", error=str(away))
                except Exception as fault:
                    log.error("live updates met a fault of ours", exc_info=fault)
                self._say_connection(AWAY)
                with suppress(SQLAlchemyError):
                    await self._catch_up()
                _done(ready)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        finally:
            _done(ready)

    def _is_idle(self) -> bool:
        return self._alone_since is not None and time.monotonic() - self._alone_since > LINGERS_SECONDS

    async def _heard(self, event: Event | None) -> None:
        """An event, or that there was none for a while."""
        if event is None:
            if self._listeners:
                status = await self._link.request("status", within_seconds=ANSWER_SECONDS)
                if status["scheduler"]["newest_event"] > self.ring.newest:
                    await self._catch_up()
        elif event.seq == 0 or event.seq == self.ring.newest + 1:
            await self._tell(change_of(event))
        elif event.seq > self.ring.newest:
            await self._catch_up()

    async def _catch_up(self) -> None:
        """Tell what the table has and nobody said, up to now."""
        known = self.ring.newest
        newest = await self._in_thread(self._newest)
        if newest < known or newest > known + MOST_KEPT or known == UNKNOWN:
            # Nobody can have been told of these; or it is another database, put here from a backup.
            self.ring.jump(newest)
            self._facts.forget()
            for listener in self._listeners:
                listener.resync("more has happened than can be told")
            self._look_anew(self._listeners)
        elif newest > known:
            for event in await self._in_thread(self._rows_after, known):
                await self._tell(change_of(event))

    def _newest(self) -> int:
        with self._engine.connect() as connection:
            return newest_event(connection)

    def _rows_after(self, seq: int) -> list[Event]:
        with self._engine.connect() as connection:
            return events_after(connection, seq, MOST_KEPT)

    async def _in_thread(self, call: Callable[..., Any], *arguments: Any) -> Any:
        return await to_thread.run_sync(call, *arguments, limiter=self._threads)

    def _say_connection(self, name: str) -> None:
        if name != self.connection:
            self.connection = name
            for listener in self._listeners:
                listener.connection(name)

    # --- telling ---

    async def _tell(self, change: Change) -> None:
        change.heard_at = time.monotonic()
        if change.family == "dag":
            self._facts.forget(change.dag_id)
        while (unknown := self._facts.unknown({change.dag_id} - {""})) and self._scoped_hear(change):
            await self._in_thread(self._facts.learn, unknown)
        # From here on nothing is waited for: who listens now and who comes later are told each change once.
        if change.seq:
            self.ring.add(change)
        for listener in self._hearers(change):
            self._offer(listener, change)
        if change.task_id and self._readers:
            for topic in topics_of(change):
                self._wake(topic)
        if change.family in LOGINS:
            self._look_anew(self._concerned(change))

    def _grew(self, topic: str) -> None:
        """A log has more. It may grow a thousand times a second: who listens is told ten times."""
        self._wake(topic)
        if topic not in self._grown:
            self._grown.add(topic)
            asyncio.get_running_loop().call_later(GROWS_SECONDS, self._tell_of_growth, topic)

    def _tell_of_growth(self, topic: str) -> None:
        self._grown.discard(topic)
        if topic in self._by_topic and (change := grown(topic)):
            task = asyncio.ensure_future(self._tell(change))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)

    def _wake(self, topic: str) -> None:
        for news in self._readers.get(topic, ()):
            news.set()

    def _hearers(self, change: Change) -> set[Listener]:
        if not self._listeners:
            return set()
        found = topics_of(change)
        return set().union(*(self._by_topic.get(name, ()) for topic in found for name in (topic, f"{SOME}:{topic}")))

    def _scoped_hear(self, change: Change) -> bool:
        return any(listener.is_scoped for listener in self._hearers(change))

    def _offer(self, listener: Listener, change: Change) -> None:
        if may_hear(listener.caller, change, self._facts.of(change.dag_id) if change.dag_id else None):
            for each in heard_by(listener.topics, change):
                listener.offer(each)

    # --- who they are ---

    def _concerned(self, change: Change) -> list[Listener]:
        """Those whose rights may be others now, or who may be logged out. A role may be anybody's."""
        if change.kind in HARMLESS:
            return []
        return [each for each in self._listeners if change.family == "role" or each.caller.name == change.subject]

    def look_anew_at(self, listener: Listener) -> None:
        """Their session may be over."""
        if listener in self._listeners:
            self._look_anew([listener])

    def _look_anew(self, listeners: Iterable[Listener]) -> None:
        """Look at who these are by now, once for each credential; until then they are told nothing."""
        by_credential: dict[str, list[Listener]] = {}
        for listener in listeners:
            listener.hold()
            by_credential.setdefault(listener.credential, []).append(listener)
        for same in by_credential.values():
            task = asyncio.ensure_future(self._looked(same))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)

    async def _looked(self, same: list[Listener]) -> None:
        try:
            caller = await self._in_thread(same[0].again)
        except (NotAuthenticated, NotPermitted):
            for listener in same:
                listener.end("logged-out")
        except Exception as fault:  # it cannot be known who they are: nothing is told to who may be somebody else
            log.warning("who listens could not be looked at", error=str(fault))
            for listener in same:
                listener.end("unknown")
        else:
            for listener in same:
                listener.let_go(caller)


class _Ear:
    """Events as they come, and None when there was none for a while: being tired of listening does not end the stream
    of events, as a timeout would."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events
        self._next: asyncio.Future[Event | None] | None = None

    def __aiter__(self) -> _Ear:
        return self

    async def __anext__(self) -> Event | None:
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._events, None))
        done, _ = await asyncio.wait({self._next}, timeout=SILENCE_SECONDS)
        if not done:
            return None
        event, self._next = self._next.result(), None
        if event is None:
            raise StopAsyncIteration
        return event

    async def aclose(self) -> None:
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait({self._next})


def _done(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_result(None)
