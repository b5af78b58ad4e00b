"""Opening the metadata database."""

import math
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool, StaticPool

BUSY_SECONDS = 5.0
READ_SECONDS = 5.0
"""How long one statement of a reader may take."""
READERS = 40
"""How many connections a reader has at most: as many as there may be threads that read."""
STEPS = 10_000
"""Of SQLite's machine, between two looks at the clock: far less than a millisecond."""


def open_reader(url: str, *, seconds: float = READ_SECONDS) -> Engine:
    """An engine for many threads that read and never write. A statement that takes longer than `seconds` is stopped:
    `took_too_long` knows its error."""
    engine = open_engine(url, read_only=True, statement_seconds=seconds)
    if engine.dialect.name == "sqlite":
        _stop_after(engine, seconds)
    return engine


def took_too_long(error: DBAPIError) -> bool:
    """Whether a statement was stopped because its time was over."""
    cause = error.orig
    stopped = ("SQLITE_INTERRUPT", "57014")
    return getattr(cause, "sqlite_errorname", "") in stopped or getattr(cause, "sqlstate", "") in stopped


def _stop_after(engine: Engine, seconds: float) -> None:
    @event.listens_for(engine, "connect")
    def watch(connection: Any, record: Any) -> None:
        record.info["until"] = math.inf
        connection.set_progress_handler(lambda: time.monotonic() > record.info["until"], STEPS)

    @event.listens_for(engine, "before_cursor_execute")
    def begin(connection: Any, *_: Any) -> None:
        connection.info["until"] = time.monotonic() + seconds


def open_engine(url: str, *, read_only: bool = False, statement_seconds: float | None = None) -> Engine:
    """An engine for a `sqlite:///…` or `postgresql+psycopg://…` URL.

    SQLite runs in WAL mode with synchronous=FULL: a commit that returned survives a power cut. `read_only` refuses
    every write on either database.
    """
    parsed = make_url(url)
    # Several threads read at once, each through a connection that is its own for as long as it reads.
    pool: dict[str, Any] = {"pool_size": 5, "max_overflow": READERS - 5} if read_only else {}
    if parsed.get_backend_name() != "sqlite":
        options = ["-c default_transaction_read_only=on"] if read_only else []
        if statement_seconds is not None:
            options.append(f"-c statement_timeout={int(statement_seconds * 1000)}")
        settings = {"options": " ".join(options)} if options else {}
        return create_engine(parsed, pool_pre_ping=read_only, connect_args=settings, **pool)
    if parsed.database in (None, "", ":memory:"):
        engine = create_engine(parsed, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        path = Path(str(parsed.database))
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not path.exists():
                path.touch(mode=0o600)
        mode = "ro" if read_only else "rw"
        if read_only:
            pool["poolclass"] = QueuePool  # the usual one closes what other threads still read through
        engine = create_engine(
            "sqlite://",
            **pool,
            creator=lambda: sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                timeout=BUSY_SECONDS,
                check_same_thread=False,
            ),
        )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        # Transactions are opened by us, with BEGIN IMMEDIATE; the driver's own idea of them is switched off.
        connection.isolation_level = None
        if not read_only:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA journal_size_limit=67108864")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA cache_size=-8000")

    return engine
