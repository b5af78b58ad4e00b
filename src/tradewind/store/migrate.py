"""Bringing the metadata database to this version's tables."""

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

HEAD = "0018"
"""The newest migration; a test compares it with the scripts."""


def is_current(engine: Engine) -> bool:
    """Whether the database has this version's tables, found out without loading Alembic."""
    try:
        with engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    except Exception as error:
        if isinstance(getattr(error, "orig", None), sqlite3.OperationalError) or "alembic_version" in str(error):
            return False
        raise
    return bool(found == HEAD)


def migrate(engine: Engine) -> bool:
    """Create or upgrade the tables. True when there was something to do."""
    if is_current(engine):
        return False
    from alembic import command

    with engine.connect() as connection:
        command.upgrade(alembic_config(connection), "head")
        if engine.dialect.name != "sqlite":
            connection.commit()
    return True


def migrate_aside(engine: Engine) -> None:
    """As `migrate`, in a process of its own: a service that went on with Alembic would keep its 6 MB. To be called
    while this process has one thread."""
    if is_current(engine):
        return
    engine.dispose()  # a connection must not be in two processes
    pid = os.fork()
    if pid == 0:
        try:
            migrate(engine)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    migrate(engine)  # finds nothing to do, unless the other failed: then it says why


def alembic_config(connection: Any) -> Any:
    """Alembic's configuration for an open connection; there is no ini file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
