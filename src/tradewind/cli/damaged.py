"""Rows with values that cannot be: one sentence names each, and the others are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click

from tradewind.cli.app import printable
from tradewind.core.errors import Unreadable

Row = Mapping[str, Any]
Made = TypeVar("Made")


def readable(rows: Iterable[Row], table: str, make: Callable[[Row], dict[str, Any]]) -> list[dict[str, Any]]:
    """What `make` makes of the rows of a table. Of a row that it can make nothing of, one line says why (to stderr)."""
    made = []
    for row in rows:
        try:
            made.append(read_row(row, table, make))
        except Unreadable as fault:
            click.echo(printable(f"Not shown: {fault}"), err=True)
    return made


def read_row(row: Row, table: str, make: Callable[[Row], Made]) -> Made:
    """What `make` makes of one row. Raises Unreadable, which names the row and what is wrong with it."""
    try:
        made = make(row)
        values = made.values() if isinstance(made, dict) else (made,)
        if any(isinstance(value, (bytes, memoryview)) for value in values):
            raise TypeError("bytes stand where there should be text or a number")
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise Unreadable(_fault(row, table, error)) from None
    return made


def _fault(row: Row, table: str, error: Exception) -> str:
    # SQLAlchemy, which a quick command does not wait for while nothing is wrong.
    from tradewind.store import checked, tables

    known = tables.metadata.tables[table]
    try:
        checked.sound(known, row)
    except Unreadable as fault:
        return str(fault)
    return f"{checked.name_of(known, row)}: {type(error).__name__}: {error}; mend the row or delete it."
