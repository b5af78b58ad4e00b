"""Whether anybody needs to log in, and whether files that hold secrets are for their owner alone."""

from __future__ import annotations

from pathlib import Path

from tradewind.config import Settings
from tradewind.core.errors import TradewindError

SQLITE = b"SQLite format 3\0"


class NotPrivate(TradewindError):
    """Others on this machine may read a file that holds secrets."""

    def __init__(self, what: str, path: Path) -> None:
        super().__init__(f"The {what} {path} can be read or written by others on this machine; run: chmod 600 {path}")


def is_open(settings: Settings) -> bool:
    """Whether everybody who can connect may do everything, without a login."""
    return not settings.api.authenticate or settings.core.simple_auth_manager_all_admins


def check_private(settings: Settings) -> None:
    """Raise NotPrivate unless the key file and a database file, as far as there are any, are for us alone.

    To be called before this process opens the database: it reads the file's first bytes, and a process that closes a
    file gives up every lock that SQLite holds on it. Others would then take the database for one that nobody uses.
    """
    _check("key file", settings.key_file)
    url = settings.database.sql_alchemy_conn
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///").partition("?")[0])
        if _begins_with(path, SQLITE):  # whoever opens another file says that it is none
            for ending in ("", "-wal", "-shm"):
                _check("database", Path(f"{path}{ending}"))


def _check(what: str, path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # it is not there, or whoever opens it says why it cannot be used
    if mode & 0o077:
        raise NotPrivate(what, path)


def _begins_with(path: Path, words: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(words)) == words
    except OSError:
        return False
