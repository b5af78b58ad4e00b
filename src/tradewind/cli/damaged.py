"""Rows with values that cannot be: one sentence names each, and the others are shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tradewind.cli.app import printable
from tradewind.core.errors import TradewindError, Unreadable

if TYPE_CHECKING:
    from tradewind.security.secrets import Vault

Row = Mapping[str, Any]
Made = TypeVar("Made")


def readable(rows: Iterable[Row], table: str, make: Callable[[Row], Made]) -> list[Made]:
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
    except Unreadable:
        raise
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as odd:
        raise Unreadable(_fault(row, table, f"{type(odd).__name__}: {odd}; mend the row or delete it.")) from None
    except TradewindError as refused:
        raise Unreadable(_fault(row, table, str(refused))) from None
    return made


def check_some(made: int, found: int, what: str) -> None:
    """Before an export: where none of the rows can be read, an earlier file is worth more than an empty one."""
    if found and not made:
        raise click.ClickException(f"None of {found} {what} can be read, so nothing was exported.")


def check_all(made: int, found: int, what: str) -> None:
    """After an export: scripts must see that something is not in the file."""
    if made < found:
        raise click.ClickException(f"{found - made} of {found} {what} cannot be read and are not in the export.")


def decrypted(vault: Vault, stored: Any) -> str:
    """A stored secret as text. Raises TypeError for what is none, and UnreadableSecret."""
    if not isinstance(stored, str):
        raise TypeError("something else than text stands where there should be a secret")
    return vault.decrypt(stored)


def texts(stored: str) -> list[str]:
    """A list of texts, stored as JSON. Raises ValueError for anything else."""
    found = json.loads(stored)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError(f"{stored!r:.60} is JSON, but no list of texts")
    return found


def json_object_in(stored: str | bytes | memoryview) -> dict[str, Any]:
    """An object, stored as JSON. Raises ValueError for anything else."""
    found = json.loads(bytes(stored) if isinstance(stored, memoryview) else stored)
    if not isinstance(found, dict):
        raise ValueError(f"JSON of {type(found).__name__} stands where there should be an object")
    return found


def _fault(row: Row, table: str, why: str) -> str:
    # SQLAlchemy, which a quick command does not wait for while nothing is wrong.
    from tradewind.store import checked, tables

    known = tables.metadata.tables[table]
    try:
        checked.sound(known, row)
    except Unreadable as fault:
        return str(fault)
    return f"{checked.name_of(known, row)}: {why}"
