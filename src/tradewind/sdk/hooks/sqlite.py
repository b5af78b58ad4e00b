"""SqliteHook: a SQLite file as the connection's host."""

from __future__ import annotations

import sqlite3
from typing import Any
from urllib.parse import quote, urlencode

from tradewind.sdk.hooks.sql import DbApiHook


class SqliteHook(DbApiHook):
    """Opens the file that the connection's host names, with the extra's values as SQLite's URI parameters."""

    conn_name_attr = "sqlite_conn_id"
    default_conn_name = "sqlite_default"
    conn_type = "sqlite"
    hook_name = "Sqlite"
    placeholder = "?"

    def get_conn(self) -> Any:
        return sqlite3.connect(self.get_uri(), uri=True)

    def get_uri(self) -> str:
        """The file as SQLite's URI."""
        connection = self.connection
        path = quote(connection.host or connection.schema or ":memory:", safe="/:")
        options = urlencode({name: str(value) for name, value in connection.extra_dejson.items()})
        return f"file:{path}?{options}" if options else f"file:{path}"
