"""A streaming job as data: what to read, which rows to keep, what to add, what to sum up.

Expressions are DuckDB SQL over the job's column names. The job says nothing about files, memory or threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Type(StrEnum):
    """The type a text column is read as. What cannot be read becomes null: `1.5` is no whole number, `1.0` is one."""

    TEXT = "VARCHAR"
    INTEGER = "INTEGER"
    BIGINT = "BIGINT"
    DOUBLE = "DOUBLE"
    DATE = "DATE"
    TIMESTAMP = "TIMESTAMP"
    BOOLEAN = "BOOLEAN"


@dataclass(frozen=True)
class Rule:
    """A row is kept only when `condition` is true; null counts as not true."""

    name: str
    condition: str


@dataclass(frozen=True)
class Derived:
    """A column added to the kept rows."""

    name: str
    expression: str


@dataclass(frozen=True)
class GroupBy:
    """One summary of the kept rows: groups and measures, both as named expressions."""

    groups: tuple[Derived, ...]
    measures: tuple[Derived, ...]


@dataclass(frozen=True)
class CsvJob:
    """From a CSV to a Parquet file of the kept rows, and a summary."""

    columns: dict[str, Type]
    """The CSV's columns, all of them and in its order."""
    keep: tuple[Rule, ...] = ()
    """A row is kept when it breaks none of these."""
    derived: tuple[Derived, ...] = ()
    """Columns added to the kept rows."""
    summary: GroupBy | None = None
    """What is summed up over the kept rows; rows of it are in the result."""
    key: tuple[str, ...] = ()
    """Columns that name a row to a person; shown in the samples of rejected rows."""

    def select(self, source: str) -> str:
        """SQL for the kept rows; `source` is a relation that gives every column as text."""
        derived = "".join(f", {item.expression} AS {quoted(item.name)}" for item in self.derived)
        return f"SELECT *{derived} FROM ({self._typed(source)}) WHERE {self._kept()}"

    def _typed(self, source: str) -> str:
        columns = ", ".join(f"{_read(quoted(name), kind)} AS {quoted(name)}" for name, kind in self.columns.items())
        return f"SELECT {columns} FROM {source}"

    def _kept(self) -> str:
        """True for a kept row. For any other, `rejected` is called with the first broken rule, and says false.

        OR does not look at its right side where the left is true, so the call costs only the rows that are lost.
        """
        if not self.keep:
            return "true"
        every = " AND ".join(f"({rule.condition})" for rule in self.keep)
        first = " ".join(f"WHEN ({rule.condition}) IS NOT TRUE THEN {n}" for n, rule in enumerate(self.keep))
        key = ", ".join(f"'{name}=', {quoted(name)}, ' '" for name in self.key) or "''"
        return f"coalesce({every}, false) OR rejected(CASE {first} END, concat({key}))"

    def summarise(self, source: str) -> str:
        """SQL for the summary of the rows in `source`, in the order of its groups."""
        assert self.summary is not None
        items = (*self.summary.groups, *self.summary.measures)
        columns = ", ".join(f"{item.expression} AS {quoted(item.name)}" for item in items)
        groups = ", ".join(str(n + 1) for n in range(len(self.summary.groups)))
        grouping = f" GROUP BY {groups} ORDER BY {groups}" if groups else ""
        return f"SELECT {columns} FROM {source}{grouping}"


def _read(column: str, kind: Type) -> str:
    """SQL for a text column as this type."""
    if kind is Type.TEXT:
        return column
    read = f"try_cast({column} AS {kind})"
    if kind not in (Type.INTEGER, Type.BIGINT):
        return read
    # The cast would round. Only what has a point is looked at twice: for all others that costs some 10 ns.
    exact = f"try_cast({column} AS DECIMAL(38, 9))"
    return f"CASE WHEN contains({column}, '.') AND {exact} IS DISTINCT FROM trunc({exact}) THEN NULL ELSE {read} END"


def quoted(name: str) -> str:
    """A column name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A text or number for SQL."""
    if isinstance(value, bool | int | float):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
