"""Opening the metadata database for a service or a command: ready to use, or one sentence that says why not."""

import errno
import sqlite3

from sqlalchemy import Engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from tradewind.core.errors import TradewindError
from tradewind.store.engine import open_engine
from tradewind.store.migrate import HEAD, migrate, migrate_aside

_SETTING = "[database] sql_alchemy_conn"


class DatabaseUnusable(TradewindError):
    """The metadata database cannot be opened, or is none of ours."""


def open_migrated(url: str, *, aside: bool = False) -> Engine:
    """The database with this version's tables. With `aside` this process, which has one thread, keeps nothing of what
    migrating takes. Raises DatabaseUnusable, which says what to do."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseUnusable(f"{_SETTING} is no database URL; write sqlite:///PATH or postgresql://…") from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise DatabaseUnusable(
            f"{_SETTING} names {parsed.get_backend_name()}; Tradewind keeps its metadata in SQLite or PostgreSQL."
        )
    try:
        engine = open_engine(url)
        try:
            (migrate_aside if aside else migrate)(engine)
        except BaseException:
            engine.dispose()
            raise
    except (SQLAlchemyError, OSError, ImportError, sqlite3.Error) as error:
        raise DatabaseUnusable(_sentence(parsed, error)) from None
    except Exception as error:
        if type(error).__module__.startswith("alembic."):
            raise DatabaseUnusable(
                f"The database was written by another version (this one knows up to {HEAD}): {_first_line(error)}; "
                f"use that version, or another database ({_SETTING})."
            ) from None
        raise
    return engine


def _sentence(url: URL, error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    text = _first_line(cause)
    if url.get_backend_name() == "sqlite":
        return _about_file(str(url.database), cause, text)
    if isinstance(error, ImportError):
        return "PostgreSQL needs psycopg: pip install 'tradewind[postgres]'."
    return f"PostgreSQL cannot be used: {text}; {_SETTING} says {url.render_as_string(hide_password=True)}."


def _about_file(path: str, cause: Exception, text: str) -> str:
    if "not a database" in text or "malformed" in text:
        return f"{path} is not a SQLite database ({text}); move it away, or name another file in {_SETTING}."
    if "disk is full" in text or "disk I/O" in text or getattr(cause, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return f"The database {path} cannot be written: {text}; make room on its disk."
    return f"The database {path} cannot be opened for writing: {text}; check the rights of the file and its folder."


def _first_line(error: BaseException) -> str:
    strerror = getattr(error, "strerror", None)
    text = strerror or str(error)
    return (str(text).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
