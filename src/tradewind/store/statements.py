"""Compiled statements for bulk writes: SQLAlchemy writes the SQL once, the driver runs it with many rows."""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Table, bindparam, delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import Dialect

NEW = "new_"
"""Marks the parameters of an UPDATE that are to be set; SQLAlchemy does not let them be called like their columns."""

_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Statement:
    """SQL with the order of its parameters."""

    __slots__ = ("_values_of", "sql")

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        names = [name.removeprefix(NEW) for name in compiled.positiontup or ()]
        self._values_of: Callable[[dict[str, Any]], Any] = itemgetter(*names)
        if len(names) == 1:
            self._values_of = lambda row: (row[names[0]],)

    def run(self, cursor: Any, rows: Sequence[dict[str, Any]]) -> int:
        """Execute with every row; returns how many database rows were met."""
        if not rows:
            return 0
        values = list(map(self._values_of, rows))
        if len(values) == 1:
            cursor.execute(self.sql, values[0])
        else:
            cursor.executemany(self.sql, values)
        return int(cursor.rowcount)


def positional(dialect: Dialect) -> Dialect:
    """The same dialect, compiling parameters by position."""
    if dialect.name == "postgresql":
        return postgresql.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
    return sqlite.dialect(paramstyle="qmark")


def insert_or_replace(table: Table, dialect: Dialect, columns: Sequence[str] | None = None) -> Statement:
    """INSERT … ON CONFLICT (primary key) DO UPDATE with every other given column."""
    names = columns or [column.name for column in table.columns]
    statement = _INSERT[dialect.name](table).values({name: bindparam(name) for name in names})
    keys = [column.name for column in table.primary_key]
    changes = {name: statement.excluded[name] for name in names if name not in keys}
    if not changes:
        return Statement(statement.on_conflict_do_nothing(index_elements=keys), dialect)
    return Statement(statement.on_conflict_do_update(index_elements=keys, set_=changes), dialect)


def insert_new(table: Table, dialect: Dialect, *, ignore: bool = False, without: Sequence[str] = ()) -> Statement:
    """INSERT of whole rows; with `ignore` a row that exists stays as it is."""
    names = [column.name for column in table.columns if column.name not in without]
    statement = _INSERT[dialect.name](table).values({name: bindparam(name) for name in names})
    if ignore:
        statement = statement.on_conflict_do_nothing()
    return Statement(statement, dialect)


def update_from(table: Table, dialect: Dialect, columns: Sequence[str]) -> Statement:
    """UPDATE by primary key, only where `state` is still the row's `before_state`."""
    keys = [column.name for column in table.primary_key]
    statement = update(table).values({name: bindparam(NEW + name) for name in columns})
    for key in keys:
        statement = statement.where(table.c[key] == bindparam(key))
    return Statement(statement.where(table.c.state == bindparam("before_state")), dialect)


def delete_by(table: Table, dialect: Dialect, columns: Sequence[str]) -> Statement:
    """DELETE where the given columns are equal."""
    statement = delete(table)
    for name in columns:
        statement = statement.where(table.c[name] == bindparam(name))
    return Statement(statement, dialect)
