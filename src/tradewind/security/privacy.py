"""Files that hold secrets are for their owner alone: looked at before anything is served."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import make_url

from tradewind.config import Settings
from tradewind.core.errors import TradewindError


class NotPrivate(TradewindError):
    """Others on this machine may read a file that holds secrets."""

    def __init__(self, what: str, path: Path) -> None:
        super().__init__(f"The {what} {path} can be read or written by others on this machine; run: chmod 600 {path}")


def check_private(settings: Settings) -> None:
    """Raise NotPrivate unless the key file and the database's files, as far as there are any, are for us alone."""
    files = [("key file", settings.key_file)]
    url = make_url(settings.database.sql_alchemy_conn)
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        files += [("database", Path(f"{url.database}{ending}")) for ending in ("", "-wal", "-shm")]
    for what, path in files:
        try:
            mode = path.stat().st_mode
        except OSError:
            continue  # it is not there, or whoever opens it says why it cannot be used
        if mode & 0o077:
            raise NotPrivate(what, path)
