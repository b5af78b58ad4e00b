"""Opening the metadata database."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import StaticPool

BUSY_SECONDS = 5.0


def open_engine(url: str, *, read_only: bool = False) -> Engine:
    """An engine for a `sqlite:///…` or `postgresql+psycopg://…` URL.

    SQLite runs in WAL mode with synchronous=FULL: a commit that returned survives a power cut. `read_only` refuses
    every write on either database.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        options = {"options": "-c default_transaction_read_only=on"} if read_only else {}
        return create_engine(parsed, pool_pre_ping=read_only, connect_args=options)
    if parsed.database in (None, "", ":memory:"):
        engine = create_engine(parsed, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        path = Path(str(parsed.database))
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not path.exists():
                path.touch(mode=0o600)
        mode = "ro" if read_only else "rw"
        engine = create_engine(
            "sqlite://",
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
