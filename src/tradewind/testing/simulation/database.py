"""The metadata database of a simulation, on the virtual clock and with commits that fail: SQLite in memory, or a real
PostgreSQL, both behind the production storage layer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event
from sqlalchemy.exc import OperationalError

from tradewind.core import decisions as d
from tradewind.store import tables
from tradewind.store.engine import open_engine
from tradewind.store.migrate import migrate
from tradewind.store.writer import LEASE_MS, Lease, StoreUnavailable, Writer
from tradewind.wire.messages import Event

UNIX_EPOCH_DAYS = 2440587.5
BEGIN_MS = 1_704_067_200_000
"""The wall clock of the database at virtual time zero: 2024-01-01 in milliseconds."""

COMMIT_FAULTS = ("crash before", "crash after", "fail before", "fail after", "busy")
"""Where a commit can go wrong: the process dies or the connection breaks, before it happened or after; or it waits."""


class Crash(BaseException):
    """The process dies at this very point."""


class Database:
    """SQLite in memory: one database for many simulations, emptied between them.

    Everybody shares one connection, since the play is one thread and no transaction lasts longer than a call. That is
    three times as fast as connections of their own on a shared cache.
    """

    def __init__(self) -> None:
        self.now_us: Callable[[], int] = lambda: 0
        self.away = False
        """Nobody can reach it."""
        self.engine = self._open()
        event.listen(self.engine, "checkout", self._checkout)
        self.pattern = Writer(self.engine)
        """A writer whose compiled statements all others share."""

    def _open(self) -> Engine:
        self._shared = sqlite3.connect(
            ":memory:", factory=_Shared, check_same_thread=False, isolation_level=None, cached_statements=512
        )
        self._shared.execute("PRAGMA foreign_keys=ON")
        self._shared.create_function("julianday", 1, self._julian_day)
        engine = create_engine("sqlite://", creator=lambda: self._shared, poolclass=StaticPool)
        migrate(engine)
        self._empty = sqlite3.connect(":memory:", check_same_thread=False)
        self._shared.backup(self._empty)
        return engine

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """To look at it from outside of the play, also while nobody in it can."""
        away, self.away = self.away, False
        try:
            with self.engine.connect() as connection:
                yield connection
        finally:
            self.away = away

    def rows(self, query: str, *values: Any) -> list[Any]:
        """The rows of a query with `?` for each value, as the driver gives them; also while nobody can reach it."""
        return self._shared.execute(query, values).fetchall()

    def clear(self, now_us: Callable[[], int]) -> None:
        """As after the first migration, on this clock."""
        self.away = False
        self._empty.backup(self._shared)
        self.now_us = now_us

    def close(self) -> None:
        self.engine.dispose()
        self._empty.close()
        self._shared.close_for_good()

    def set_clock(self, cursor: Any) -> None:
        """Before a transaction: have this connection tell the virtual time."""

    def _julian_day(self, _: str) -> float:
        return UNIX_EPOCH_DAYS + (BEGIN_MS + self.now_us() / 1000) / 86_400_000

    def _checkout(self, *_: Any) -> None:
        if self.away:
            raise OperationalError("connect", None, sqlite3.OperationalError("the database is away"))


class _Shared(sqlite3.Connection):
    """A connection that many believe to be their own."""

    def close(self) -> None:
        """One of them lets go of it: what it had begun is rolled back."""
        if self.in_transaction:
            self.rollback()

    def close_for_good(self) -> None:
        super().close()


class PostgresDatabase(Database):
    """A real PostgreSQL database, migrated and emptied; each part of the play has connections of its own.

    Its clock is ours: `clock_timestamp()` is found in a schema that comes before the built-in functions.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        super().__init__()

    def _open(self) -> Engine:
        engine = open_engine(self._url)
        migrate(engine)
        proxied = engine.raw_connection()
        self._watcher: Any = proxied.driver_connection
        proxied.detach()
        self._watcher.autocommit = True
        self._watcher.execute(
            "CREATE SCHEMA simulated; CREATE FUNCTION simulated.clock_timestamp() RETURNS timestamptz AS $$ SELECT "
            "to_timestamp(current_setting('simulated.now_us')::numeric / 1000000) $$ LANGUAGE sql VOLATILE"
        )
        event.listen(engine, "connect", self._use_our_clock)
        engine.dispose()
        return engine

    def _use_our_clock(self, connection: Any, _: Any) -> None:
        connection.execute("SET search_path = simulated, pg_catalog, public")
        connection.commit()

    def set_clock(self, cursor: Any) -> None:
        cursor.execute(f"SET simulated.now_us = {BEGIN_MS * 1000 + self.now_us()}")

    def rows(self, query: str, *values: Any) -> list[Any]:
        return list(self._watcher.execute(query.replace("?", "%s"), values).fetchall())

    def clear(self, now_us: Callable[[], int]) -> None:
        self.away = False
        self.engine.dispose()
        names = ", ".join(f'"{name}"' for name in tables.metadata.tables)
        self._watcher.execute(f"TRUNCATE {names} CASCADE")
        self.now_us = now_us

    def close(self) -> None:
        self._watcher.close()
        self.engine.dispose()


class FaultyWriter(Writer):
    """A Writer on a database that can be away, and whose commits can fail in every way."""

    def __init__(
        self, database: Database, draw: Callable[[], str], lease_ms: Callable[[], int] = lambda: LEASE_MS
    ) -> None:
        vars(self).update(vars(database.pattern))
        self._database = database
        self._draw = draw
        self._lease_ms = lease_ms

    @property
    def newest_event(self) -> int:
        """The number of the newest row of the event log, as far as this writer knows."""
        return self._next_seq - 1

    def connect(self) -> None:
        if self._database.away:
            self.close()
            raise StoreUnavailable("the database is away")
        super().connect()

    def acquire(self, holder: str, server_id: str, ttl_ms: int = LEASE_MS) -> Lease | None:
        self._reach()
        return super().acquire(holder, server_id, self._lease_ms())

    def committed(self, batch: str) -> bool:
        self._reach()
        return super().committed(batch)

    def commit(
        self, lease: Lease, batch: str, operations: Any, now: Any, next_run_number: int, ttl_ms: int = LEASE_MS
    ) -> list[Event]:
        self._reach()
        operations, ttl_ms = list(operations), self._lease_ms()
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
                # As where COMMIT itself raises: the writer does not know how far its numbers have come.
                known = self._next_seq
                super().commit(lease, batch, operations, now, next_run_number, ttl_ms)
                self._next_seq = known
                self.close()
                raise StoreUnavailable("the connection broke after the commit")
            case "busy":
                raise StoreUnavailable("the database is locked")
        return super().commit(lease, batch, operations, now, next_run_number, ttl_ms)

    def _reach(self) -> None:
        if self._database.away:
            self.close()
            raise StoreUnavailable("the database is away")
        if self._cursor is not None:
            self._database.set_clock(self._cursor)
