"""Small records that all workers share: a file beside the installation, Redis across machines, or memory.

A record is a JSON object under a key, and `update` is the only way to change one: it hands the present record and the
time to a function and stores what that returns, with nobody else in between. Circuit breakers and alerts keep their
state here.
"""

from __future__ import annotations

import importlib
import json
import logging
import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from tradewind.data.masking import masked
from tradewind.data.problems import BadSetting, DataError

Record = dict[str, Any]
Answer = TypeVar("Answer")
Change = Callable[[Record | None, float], tuple[Record | None, Answer]]
"""From the present record and the time in seconds since 1970 to the next record (None removes it) and an answer."""

FILE_NAME = "toolkit_state.db"
BUSY_SECONDS = 10.0
AWAY_SECONDS = 30.0
"""How long a storage that failed is left alone."""

log = logging.getLogger(__name__)


class StateUnavailable(DataError):
    """The shared records cannot be read or written now."""


@runtime_checkable
class SharedState(Protocol):
    """Where records live."""

    @property
    def blocks(self) -> bool:
        """Whether its calls wait for a disk or a network."""
        ...

    def read(self, key: str) -> tuple[Record | None, float]:
        """The record and the time, by the clock that all sharers use. Raises StateUnavailable."""
        ...

    def update(self, key: str, change: Change[Answer]) -> Answer:
        """Apply the change atomically and give its answer; `change` may be called again when others were first."""
        ...


class MemoryState:
    """Records of this process alone."""

    blocks = False

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._records: dict[str, str] = {}
        self._lock = threading.Lock()

    def read(self, key: str) -> tuple[Record | None, float]:
        return _decoded(self._records.get(key)), self._clock()

    def update(self, key: str, change: Change[Answer]) -> Answer:
        with self._lock:
            text = self._records.get(key)
            record, answer = change(_decoded(text), self._clock())
            if record is None:
                self._records.pop(key, None)
            else:
                self._records[key] = json.dumps(record)
            return answer


class FileState:
    """Records in a SQLite file, shared by the processes of one machine; each change is one transaction."""

    blocks = True

    def __init__(self, path: Path | str, clock: Callable[[], float] = time.time) -> None:
        self.path = Path(path)
        self._clock = clock

    def __repr__(self) -> str:
        return f"FileState({str(self.path)!r})"

    def read(self, key: str) -> tuple[Record | None, float]:
        if not self.path.exists():
            return None, self._clock()
        with self._connected() as connection:
            return self._record(connection, key), self._clock()

    def update(self, key: str, change: Change[Answer]) -> Answer:
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                before = self._record(connection, key)
                record, answer = change(before, self._clock())
                if record is None:
                    connection.execute("DELETE FROM records WHERE key = ?", (key,))
                elif record != before:
                    connection.execute("INSERT OR REPLACE INTO records VALUES (?, ?)", (key, json.dumps(record)))
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return answer

    def _record(self, connection: sqlite3.Connection, key: str) -> Record | None:
        row = connection.execute("SELECT value FROM records WHERE key = ?", (key,)).fetchone()
        return _decoded(row[0]) if row else None

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """A connection for one operation: none is ever carried over a fork or between threads."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
                self._prepare(connection)
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise StateUnavailable(f"The shared state in {self.path} cannot be used ({error}).") from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA synchronous = NORMAL")
        if connection.execute("PRAGMA user_version").fetchone()[0] == 1:
            return
        give_up = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError:
                # Two processes that create the file at once: SQLite does not wait for the other one here.
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.01)
        connection.execute("CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        connection.execute("PRAGMA user_version = 1")


class RedisState:
    """Records in Redis, shared by the processes of many machines; the time is Redis's. Needs the `redis` package."""

    blocks = True

    def __init__(self, server: Any, prefix: str = "tradewind:") -> None:
        """`server` is an address (`redis://host:6379/0`) or a `redis.Redis` client."""
        self.prefix = prefix
        self.address = masked(server) if isinstance(server, str) else "the given client"
        try:
            redis = importlib.import_module("redis")
        except ImportError as error:
            raise BadSetting("Shared state in Redis needs the package `redis`; install it.") from error
        self._errors: type[Exception] = redis.RedisError
        self._changed: type[Exception] = redis.WatchError
        self._client: Any = server
        if isinstance(server, str):
            self._client = redis.Redis.from_url(server, socket_timeout=5, socket_connect_timeout=5)

    def __repr__(self) -> str:
        return f"RedisState({self.address!r})"

    def read(self, key: str) -> tuple[Record | None, float]:
        with self._translated(), self._client.pipeline(transaction=False) as pipe:
            pipe.get(self.prefix + key)
            pipe.time()
            text, now = pipe.execute()
            return _decoded(text), now[0] + now[1] / 1e6

    def update(self, key: str, change: Change[Answer]) -> Answer:
        name = self.prefix + key
        with self._translated(), self._client.pipeline() as pipe:
            while True:
                pipe.watch(name)
                seconds, micros = pipe.time()
                record, answer = change(_decoded(pipe.get(name)), seconds + micros / 1e6)
                pipe.multi()
                if record is None:
                    pipe.delete(name)
                else:
                    pipe.set(name, json.dumps(record))
                try:
                    pipe.execute()
                except self._changed:
                    continue
                return answer

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise StateUnavailable(f"The shared state in {self.address} cannot be used ({masked(error)}).") from error


class Fallback:
    """A storage that never fails: while the real one cannot be used, this process remembers for itself."""

    def __init__(self, storage: SharedState, owner: str) -> None:
        self._storage = storage
        self._owner = owner
        self._memory = MemoryState()
        self._away_until = -math.inf

    @property
    def blocks(self) -> bool:
        return self._storage.blocks

    def read(self, key: str) -> tuple[Record | None, float]:
        return self._try(lambda state: state.read(key))

    def update(self, key: str, change: Change[Answer]) -> Answer:
        return self._try(lambda state: state.update(key, change))

    def _try(self, work: Callable[[SharedState], Answer]) -> Answer:
        if time.monotonic() < self._away_until:
            return work(self._memory)
        try:
            return work(self._storage)
        except StateUnavailable as error:
            if self._away_until < 0:
                log.warning("%s: %s This process remembers for itself meanwhile.", self._owner, error)
            # Asking a dead server on every call would make each call as slow as its timeout.
            self._away_until = time.monotonic() + AWAY_SECONDS
            return work(self._memory)


def default_state(env: Mapping[str, str] = os.environ) -> SharedState:
    """Where records live unless told otherwise: `TRADEWIND_DATA_STATE`, else a file.

    `TRADEWIND_DATA_STATE` is a Redis address, `memory`, or a file's path. The file is `toolkit_state.db` in the
    installation's home (`TRADEWIND_HOME`, else `AIRFLOW_HOME`), or without one in the data folder.
    """
    named = env.get("TRADEWIND_DATA_STATE", "").strip()
    if not named:
        home = env.get("TRADEWIND_HOME") or env.get("AIRFLOW_HOME") or env.get("TRADEWIND_DATA") or "data"
        named = str(Path(home).expanduser().absolute() / FILE_NAME)
    if named not in _states:
        _states[named] = _state(named)
    return _states[named]


_states: dict[str, SharedState] = {}


def _state(named: str) -> SharedState:
    if named == "memory":
        return MemoryState()
    if named.startswith(("redis://", "rediss://", "unix://")):
        return RedisState(named)
    return FileState(Path(named).expanduser().absolute())


def _decoded(text: str | bytes | None) -> Record | None:
    """The record, or None where there is none or it is not one of ours."""
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
