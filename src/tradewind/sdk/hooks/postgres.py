"""PostgresHook: a PostgreSQL database, through psycopg."""

from __future__ import annotations

from typing import Any

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.hooks.sql import DbApiHook

_NOT_OPTIONS = frozenset({"iam", "redshift", "cursor", "aws_conn_id", "sqlalchemy_scheme", "sqlalchemy_query"})
"""Extras that other programs read; all others are options of the connection."""


class PostgresHook(DbApiHook):
    """Opens what the connection names; the extra's values are libpq's options."""

    conn_name_attr = "postgres_conn_id"
    default_conn_name = "postgres_default"
    conn_type = "postgres"
    hook_name = "Postgres"
    supports_autocommit = True

    def __init__(self, *args: Any, options: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.options = options

    def get_conn(self) -> Any:
        try:
            import psycopg
        except ImportError:
            raise AirflowException(
                f"Connection {self.get_conn_id()!r} needs psycopg; run `pip install 'tradewind[postgres]'`."
            ) from None
        connection = self.connection
        fields = {
            "host": connection.host, "port": connection.port, "user": connection.login,
            "password": connection.password, "dbname": self.schema or connection.schema, "options": self.options,
        }  # fmt: skip
        extras = {name: value for name, value in connection.extra_dejson.items() if name not in _NOT_OPTIONS}
        return psycopg.connect(**{name: value for name, value in {**fields, **extras}.items() if value is not None})

    def get_uri(self) -> str:
        """The database as libpq's URI."""
        return self.connection.get_uri().replace("postgres://", "postgresql://", 1)
