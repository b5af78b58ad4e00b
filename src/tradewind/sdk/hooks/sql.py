"""DbApiHook: what every database behind a DB-API module can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

from tradewind.sdk.connection import Connection
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.hooks.base import BaseHook

Parameters = Iterable[Any] | Mapping[str, Any] | None


def fetch_all_handler(cursor: Any) -> list[Any] | None:
    """Every row of a statement that gives rows."""
    return None if cursor.description is None else list(cursor.fetchall())


def fetch_one_handler(cursor: Any) -> Any:
    """The first row of a statement that gives rows."""
    return None if cursor.description is None else cursor.fetchone()


class DbApiHook(BaseHook):
    """Subclasses say what their connections are called and open one in `get_conn`."""

    supports_autocommit = False
    placeholder = "%s"

    def __init__(self, *args: Any, schema: str | None = None, log_sql: bool = True, **kwargs: Any) -> None:
        super().__init__()
        given = args[0] if args else kwargs.get(self.conn_name_attr, kwargs.get("conn_id"))
        setattr(self, self.conn_name_attr, given or self.default_conn_name)
        self.schema, self.log_sql = schema, log_sql

    @property
    def connection(self) -> Connection:
        return self.get_connection(self.get_conn_id())

    def get_conn_id(self) -> str:
        return str(getattr(self, self.conn_name_attr))

    def get_records(self, sql: str | list[str], parameters: Parameters = None) -> Any:
        """Every row."""
        return self.run(sql, parameters=parameters, handler=fetch_all_handler)

    def get_first(self, sql: str | list[str], parameters: Parameters = None) -> Any:
        """The first row; None when there is none."""
        return self.run(sql, parameters=parameters, handler=fetch_one_handler)

    def run(
        self,
        sql: str | Iterable[str],
        autocommit: bool = False,
        parameters: Parameters = None,
        handler: Callable[[Any], Any] | None = None,
        split_statements: bool = False,
        return_last: bool = True,
    ) -> Any:
        """Run one statement or several in one transaction; what `handler` makes of the cursor after the last one, or
        after each of several with `return_last=False`."""
        statements = self._statements(sql, split=split_statements)
        if not statements:
            raise ValueError(f"There is no statement to run on connection {self.get_conn_id()!r}; give one as sql=.")
        results = []
        with closing(self.get_conn()) as connection:
            self.set_autocommit(connection, autocommit)
            with closing(connection.cursor()) as cursor:
                for statement in statements:
                    if self.log_sql:
                        self.log.info("Running statement: %s", statement)
                    cursor.execute(statement, *(() if parameters is None else (parameters,)))
                    if handler is not None:
                        results.append(handler(cursor))
            if not self.get_autocommit(connection):
                connection.commit()
        if handler is None:
            return None
        return results[-1] if return_last or (isinstance(sql, str) and not split_statements) else results

    def insert_rows(
        self,
        table: str,
        rows: Iterable[Sequence[Any]],
        target_fields: Sequence[str] | None = None,
        commit_every: int = 1000,
        replace: bool = False,
        **_: Any,
    ) -> None:
        """Insert tuples, with a commit after each `commit_every` of them (0: one at the end)."""
        if replace:
            raise AirflowException("insert_rows(replace=True) is not supported; write the statement and use run().")
        columns = f" ({', '.join(target_fields)})" if target_fields else ""
        with closing(self.get_conn()) as connection, closing(connection.cursor()) as cursor:
            for count, row in enumerate(rows, start=1):
                marks = ", ".join([self.placeholder] * len(row))
                cursor.execute(f"INSERT INTO {table}{columns} VALUES ({marks})", tuple(row))
                if commit_every and count % commit_every == 0:
                    connection.commit()
            connection.commit()

    def set_autocommit(self, conn: Any, autocommit: bool) -> None:
        if self.supports_autocommit:
            conn.autocommit = autocommit

    def get_autocommit(self, conn: Any) -> bool:
        return bool(getattr(conn, "autocommit", False)) if self.supports_autocommit else False

    def test_connection(self) -> tuple[bool, str]:
        """Whether the database answers."""
        try:
            self.get_first("SELECT 1")
        except Exception as error:  # any driver's
            return False, str(error)
        return True, "The database answers."

    @staticmethod
    def split_sql_string(sql: str, strip_semicolon: bool = False) -> list[str]:
        """The statements of a text, split at semicolons outside of quotes and comments."""
        from tradewind.sdk.hooks.sql_text import split

        return split(sql, keep_semicolon=not strip_semicolon)

    def _statements(self, sql: str | Iterable[str], *, split: bool) -> list[str]:
        if not isinstance(sql, str):
            return [text for text in sql if text.strip()]
        if split:
            return self.split_sql_string(sql)
        return [sql] if sql.strip() else []
