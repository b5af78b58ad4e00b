"""The metadata database of a simulation: SQLite in memory, on the virtual clock, with commits that fail."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import OperationalError

from tradewind.core import decisions as d
from tradewind.store.migrate import migrate
from tradewind.store.writer import Lease, StoreUnavailable, Writer
from tradewind.wire.messages import Event

UNIX_EPOCH_DAYS = 2440587.5
BEGIN_MS = 1_704_067_200_000
"""The wall clock of the database at virtual time zero: 2024-01-01 in milliseconds."""


class Crash(BaseException):
    """The process dies at this very point."""


class Database:
    """One database for many simulations, emptied between them. All its connections live in this process."""

    def __init__(self, name: str = "simulation") -> None:
        self._uri = f"file:{name}-{id(self)}?mode=memory&cache=shared"
        self._keeper = self._connect()
        self.now_us: Callable[[], int] = lambda: 0
        self.away = False
        """Nobody can reach it."""
        self.engine = create_engine("sqlite://", creator=self._connect)
        event.listen(self.engine, "checkout", self._checkout)
        migrate(self.engine)
        self._empty = sqlite3.connect(":memory:", check_same_thread=False)
        self._keeper.backup(self._empty)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """To look at it from outside of the play, also while nobody in it can."""
        away, self.away = self.away, False
        try:
            with self.engine.connect() as connection:
                yield connection
        finally:
            self.away = away

    def clear(self, now_us: Callable[[], int]) -> None:
        """As after the first migration, on this clock."""
        self.away = False
        self.engine.dispose()
        self._empty.backup(self._keeper)
        self.now_us = now_us

    def close(self) -> None:
        self.engine.dispose()
        self._keeper.close()
        self._empty.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._uri, uri=True, check_same_thread=False, isolation_level=None)
        connection.execute("PRAGMA foreign_keys=ON")
        connection.create_function("julianday", 1, self._julian_day)
        return connection

    def _julian_day(self, _: str) -> float:
        return UNIX_EPOCH_DAYS + (BEGIN_MS + self.now_us() / 1000) / 86_400_000

    def _checkout(self, *_: Any) -> None:
        if self.away:
            raise OperationalError("connect", None, sqlite3.OperationalError("the database is away"))


class FaultyWriter(Writer):
    """A Writer on a database that can be away, and whose commits can fail in every way."""

    def __init__(self, database: Database, draw: Callable[[], str]) -> None:
        super().__init__(database.engine)
        self._database = database
        self._draw = draw

    def connect(self) -> None:
        if self._database.away:
            self.close()
            raise StoreUnavailable("the database is away")
        super().connect()

    def acquire(self, holder: str, server_id: str, ttl_ms: int = 3000) -> Lease | None:
        self._reach()
        return super().acquire(holder, server_id, ttl_ms)

    def committed(self, batch: str) -> bool:
        self._reach()
        return super().committed(batch)

    def commit(
        self, lease: Lease, batch: str, operations: Any, now: Any, next_run_number: int, ttl_ms: int = 3000
    ) -> list[Event]:
        self._reach()
        operations = list(operations)
        match self._draw() if any(isinstance(o, d.Record) for o in operations) else "":
            case "crash before":
                raise Crash
            case "crash after":
                super().commit(lease, batch, operations, now, next_run_number, ttl_ms)
                raise Crash
            case "fail before":
                self.close()
                raise StoreUnavailable("the connection broke before the commit")
            case "fail after":
                super().commit(lease, batch, operations, now, next_run_number, ttl_ms)
                self.close()
                raise StoreUnavailable("the connection broke after the commit")
            case "busy":
                raise StoreUnavailable("the database is locked")
        return super().commit(lease, batch, operations, now, next_run_number, ttl_ms)

    def _reach(self) -> None:
        if self._database.away:
            self.close()
            raise StoreUnavailable("the database is away")
